import type { BetaPrior, NormalPrior } from './bandit/posterior.ts';
import type { FieldPath, HttpProtocol, Operation, Protocol, Source } from './facts.ts';
import type { Condition } from './condition.ts';
import type { RouteIndex } from './route-index.ts';
import type { Split } from './split.ts';

/**
 * The compiled configuration. It is made once at load, never changed, and swapped whole: a request sees one snapshot
 * from start to end. What is computable at load is computed here, so that a request only looks things up.
 */
export interface Snapshot {
  /** Hash of the effective configuration without secrets, 16 hex digits. */
  readonly hash: string;
  readonly backends: readonly Backend[];
  readonly views: readonly FeatureView[];
  readonly bandits: readonly Bandit[];
  readonly routes: readonly Route[];
  readonly index: RouteIndex;
  readonly limits: Limits;
  /** Path prefix before every inference path, `''` for none. */
  readonly prefix: string;
  /** In the order of the configuration. */
  readonly mounts: readonly Mount[];
}

/** Gives the requests of a host or path prefix a protocol, and a model where their paths name none. */
export interface Mount {
  /** Lower-case, without port; null: every host. */
  readonly host: string | null;
  /** Before the rest of the path, which the protocol reads; `''` for none. */
  readonly prefix: string;
  /** Null: the paths of all protocols but those that only a mount can have. */
  readonly protocol: HttpProtocol | null;
  /** The predict path of Vertex AI, else null. */
  readonly path: string | null;
  /** The health path of Vertex AI; null for none. */
  readonly health: string | null;
  /** The model of requests whose path names none; `''` for none. */
  readonly model: string;
  /** Lower-case name of the header that names it, before `model`; null for none. */
  readonly modelFrom: string | null;
  /** What an app of Ray Serve takes. */
  readonly methods: readonly string[];
}

export interface Limits {
  readonly bodyBytes: number;
  readonly bufferBytes: number;
  readonly rows: number;
}

export interface Backend {
  /** Position in `Snapshot.backends`. */
  readonly index: number;
  readonly name: string;
  readonly protocol: Protocol;
  readonly endpoints: readonly Endpoint[];
  /** Name of the model on its server; null keeps the name that the client asks for. */
  readonly model: string | null;
  readonly version: string | null;
  readonly timeoutMs: number;
  /** Lower-case names; they take the place of the client's. */
  readonly headers: ReadonlyArray<readonly [string, string]>;
  readonly connection: ConnectionSettings;
  readonly translation: TranslationSettings;
}

/** What a translation between the protocol of a client and that of a backend cannot know from what it translates. */
export interface TranslationSettings {
  /** Name of the tensor for rows without names. */
  readonly tensor: string;
  /** Datatype of numbers that come without one: in requests of those with a fraction, in answers of all. */
  readonly float: 'FP32' | 'FP64';
  /** Datatypes of numbers that come without one, by the name of the input or output. */
  readonly datatypes: ReadonlyMap<string, NumberDatatype>;
  /** Whether the server reads binary tensors over REST. */
  readonly binary: boolean;
}

/** Datatypes of tensors of numbers that JSON can carry. */
export type NumberDatatype = 'FP32' | 'FP64' | `${'INT' | 'UINT'}${8 | 16 | 32 | 64}`;

export interface Endpoint {
  /** `http://host:port`, what connections are made to. */
  readonly origin: string;
  /** Path prefix of the address, `''` for none. */
  readonly prefix: string;
  /** Whether it is spoken to in gRPC, over HTTP/2. */
  readonly isGrpc: boolean;
  /** Identity of the pool: equal ids share connections across reloads. */
  readonly id: string;
}

export interface ConnectionSettings {
  readonly connectTimeoutMs: number;
  readonly keepAliveMs: number;
  readonly connections: number;
  readonly queue: number;
  readonly maxAnswerBytes: number;
  readonly tls: TlsSettings | null;
}

/** File names, read when the pool is made. */
export interface TlsSettings {
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  readonly serverName: string | null;
}

export interface Route {
  readonly index: number;
  readonly name: string;
  readonly match: Condition;
  readonly unit: Source;
  /** The unit as the configuration writes it, for explanations. */
  readonly unitText: string;
  readonly expose: boolean;
  /** Whether `x-seldon-route` is sent and honoured. */
  readonly seldonRoute: boolean;
  /** Key of the answer's `parameters` for the decision token; null for none. */
  readonly decisionParameter: string | null;
  /** Operations on the server itself that are refused elsewhere. */
  readonly allowed: ReadonlySet<Operation>;
  readonly rules: readonly Rule[];
  /** Whether deciding needs the body: a body condition, unit, expression. */
  readonly readsBody: boolean;
}

export interface Rule {
  readonly index: number;
  readonly name: string;
  readonly when: Condition;
  readonly enrich: readonly FeatureView[];
  readonly choice: Choice;
  readonly shadows: readonly Shadow[];
  /** Longest time for the whole request; null: the timeout of the backend. */
  readonly timeoutMs: number | null;
  /** Further attempts on another endpoint after a refused connection. */
  readonly retries: number;
  /** Share of decisions logged, in [0, 1]. */
  readonly logShare: number;
  readonly salt: string;
  /** What its backends speak, each once. A request of another protocol is translated. */
  readonly protocols: readonly Protocol[];
  /** Whether the body must be whole in memory: enrichment, shadows, renaming. */
  readonly holdsBody: boolean;
}

export type Choice =
  | { readonly kind: 'backend'; readonly backend: Backend }
  | { readonly kind: 'split'; readonly arms: readonly Backend[]; readonly split: Split }
  | { readonly kind: 'bandit'; readonly bandit: Bandit };

export interface Bandit {
  readonly index: number;
  readonly name: string;
  readonly epoch: number;
  readonly arms: readonly BanditArm[];
  readonly reward: RewardSettings;
  readonly floor: number;
  readonly ceiling: number;
  readonly burnIn: number;
  readonly refreshMs: number;
  readonly sticky: boolean;
  /** MurmurHash3 of `name`, NUL, epoch: names the bandit in a token. */
  readonly id: number;
}

export interface BanditArm {
  readonly name: string;
  readonly backend: Backend;
  readonly paused: boolean;
  readonly prior: Prior;
  /** MurmurHash3 of the name: names the arm in a token. */
  readonly id: number;
}

export type Prior = ({ readonly kind: 'beta' } & BetaPrior) | ({ readonly kind: 'normal' } & NormalPrior);

export interface RewardSettings {
  readonly kind: 'binary' | 'gaussian';
  readonly waitMs: number;
  /** Reward of a decision that got none in time; null leaves it out. */
  readonly default: number | null;
  readonly min: number;
  readonly max: number;
}

export interface Shadow {
  readonly backend: Backend;
  readonly share: number;
  readonly salt: string;
  readonly start: 'after' | 'immediate';
  readonly timeoutMs: number;
  readonly concurrency: number;
  readonly queue: number;
  readonly maxBodyBytes: number;
  readonly compare: Comparison | null;
  readonly logShare: number;
}

export interface Comparison {
  readonly tolerance: number;
  readonly relative: number;
  readonly labels: boolean;
  readonly outputs: readonly string[] | null;
}

export type FieldType = 'float' | 'double' | 'int' | 'bool' | 'string';
export type FeatureDefault = number | boolean | string | bigint;

export interface FeatureField {
  readonly name: string;
  readonly type: FieldType;
  /** Value in place of a missing one; undefined: none. */
  readonly default: FeatureDefault | undefined;
}

export type EntitySource =
  | Exclude<Source, { from: 'request' }>
  | { readonly from: 'tensor'; readonly name: string }
  /** A key of every row of `instances`, or a position in it. */
  | { readonly from: 'column'; readonly name: string | number };

export interface EntityPart {
  readonly name: string;
  readonly source: EntitySource;
  readonly type: 'string' | 'int';
}

/** The key of an entity in the store: literal texts with entity parts between: literals[0] part[0] literals[1] ... */
export interface KeyTemplate {
  readonly literals: readonly string[];
  /** Indexes into `FeatureView.entity`, one fewer than literals. */
  readonly parts: readonly number[];
}

export type Into =
  | { readonly kind: 'tensor'; readonly name: string; readonly datatype: string }
  | { readonly kind: 'tensors' }
  | { readonly kind: 'columns'; readonly position: 'append' | 'prepend' }
  | { readonly kind: 'parameters'; readonly prefix: string }
  | { readonly kind: 'pointer'; readonly path: FieldPath };

export interface FeatureView {
  readonly index: number;
  readonly name: string;
  /** How to reach the store; views with equal store ids share connections and files. */
  readonly store: StoreSettings;
  readonly entity: readonly EntityPart[];
  readonly key: KeyTemplate;
  readonly fields: readonly FeatureField[];
  /** Field that holds the time of the values, or null. */
  readonly timestamp: string | null;
  readonly into: Into;
  readonly prefer: 'store' | 'request';
  readonly onMissing: 'default' | 'null' | 'reject' | 'skip';
  readonly onStale: { readonly maxAgeMs: number; readonly then: 'use' | 'default' | 'reject' } | null;
  readonly onError: 'default' | 'lastKnown' | 'reject';
  readonly timeoutMs: number;
  readonly cache: CacheSettings | null;
}

export interface CacheSettings {
  /** `tracking`: values are kept until the store says that they changed; where it cannot, for `ttlMs` as in `ttl`. */
  readonly mode: 'ttl' | 'tracking';
  /** Entities. */
  readonly max: number;
  readonly ttlMs: number;
}

export type StoreSettings =
  | { readonly kind: 'embedded'; readonly id: string; readonly path: string; readonly keyField: string }
  | RedisHashSettings;

/** Exactly one of `url`, `sentinel` and `cluster` is given. */
export interface RedisHashSettings {
  readonly kind: 'redis-hash';
  readonly id: string;
  readonly url?: string;
  readonly sentinel?: { readonly nodes: readonly string[]; readonly name: string };
  /** Start nodes of a Redis Cluster. */
  readonly cluster?: readonly string[];
  readonly username?: string;
  readonly password?: string;
}
