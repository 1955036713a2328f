import { Buffer } from 'node:buffer';

import type { Protocol } from '../../src/core/facts.ts';
import type { FeatureField, FeatureView, KeyTemplate } from '../../src/core/snapshot.ts';
import { createEnricher, type Enricher, type Enrichment } from '../../src/gateway/enrich.ts';
import { RequestFacts } from '../../src/gateway/facts.ts';
import { ListedHeaders } from '../../src/gateway/request-headers.ts';
import type {
  ChangeWatcher,
  Clock,
  EntityRead,
  EntityValues,
  FeatureValue,
  Logger,
  Metrics,
  OnlineStore,
  ReadReceiver,
} from '../../src/gateway/ports.ts';
import type { ViewRecord } from '../../src/gateway/record.ts';

/** Remembers what was counted, set and observed under `name label label`. */
export class Meter implements Metrics {
  readonly values = new Map<string, number>();
  readonly observed = new Map<string, number[]>();

  counter(name: string, ...labels: string[]) {
    const key = [name, ...labels].join(' ');
    return { inc: (by = 1) => void this.values.set(key, this.of(key) + by) };
  }

  gauge(name: string, ...labels: string[]) {
    const key = [name, ...labels].join(' ');
    return {
      set: (value: number) => void this.values.set(key, value),
      inc: (by = 1) => void this.values.set(key, this.of(key) + by),
    };
  }

  histogram(name: string, ...labels: string[]) {
    const key = [name, ...labels].join(' ');
    return { observe: (value: number) => void this.observed.set(key, [...(this.observed.get(key) ?? []), value]) };
  }

  of(key: string): number {
    return this.values.get(key) ?? 0;
  }
}

/** Keeps the lines of level warn and error. */
export class Journal implements Logger {
  readonly lines: string[] = [];
  debug(): void {}
  info(): void {}
  warn(_: object, message: string): void {
    this.lines.push(message);
  }
  error(_: object, message: string): void {
    this.lines.push(message);
  }
}

/** A clock that stands still until it is moved. */
export class StillClock implements Clock {
  ms = 1_700_000_000_000;
  now(): number {
    return this.ms;
  }
  steady(): number {
    return this.ms;
  }
}

export const realClock: Clock = { now: () => Date.now(), steady: () => performance.now() };

export const noKey: KeyTemplate = { literals: ['', ''], parts: [0] };

export function field(
  name: string,
  type: FeatureField['type'] = 'float',
  fallback?: FeatureField['default'],
): FeatureField {
  return { name, type, default: fallback };
}

export function makeView(overrides: Partial<FeatureView> = {}): FeatureView {
  return {
    index: 0,
    name: 'flower',
    store: { kind: 'embedded', id: 'memory', path: 'none', keyField: 'key' },
    entity: [{ name: 'id', source: { from: 'body', path: ['parameters', 'id'] }, type: 'string' }],
    key: noKey,
    fields: [field('a', 'float', 0), field('b', 'float', 0)],
    timestamp: null,
    into: { kind: 'parameters', prefix: '' },
    prefer: 'request',
    onMissing: 'default',
    onStale: null,
    onError: 'default',
    timeoutMs: 50,
    cache: null,
    ...overrides,
  };
}

export interface TestRequest {
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: string;
}

export function makeFacts(
  { headers = {}, query = '' }: Partial<TestRequest>,
  body: Buffer | null,
  protocol: Protocol = 'oip',
): RequestFacts {
  const facts = new RequestFacts({
    requestId: 'r',
    timeMs: 0,
    method: 'POST',
    path: '/v2/models/m/infer',
    query,
    protocol,
    operation: 'infer',
    model: 'm',
    version: '',
    headers: new ListedHeaders(Object.entries(headers).flat()),
  });
  facts.setBody(body, null);
  return facts;
}

/** A value for each field, a missing key for an absent entity. */
export type Table = Readonly<Record<string, readonly (FeatureValue | undefined)[]>>;

export function entity(values: readonly (FeatureValue | undefined)[], timeMs: number | null = null): EntityValues {
  return { found: true, values, timeMs, bad: [] };
}

/** What a store has for the keys of some views: result[i][row]. */
export function readAll(
  store: OnlineStore,
  wanted: readonly { readonly view: FeatureView; readonly keys: readonly string[] }[],
): Promise<EntityValues[][]> {
  const rows = wanted.map(({ view, keys }) => keys.map((key): EntityRead => ({ view, key, entity: null })));
  return new Promise((resolve, reject) => {
    store.read(rows.flat(), {
      onRead: (error) => {
        if (error !== null) return reject(error);
        resolve(
          rows.map((row) => row.map((read) => read.entity ?? { found: false, values: [], timeMs: null, bad: [] })),
        );
      },
    });
  });
}

/** An online store in memory. The test tells its watchers of changes. */
abstract class MemoryStore implements OnlineStore {
  readonly reads: (readonly EntityRead[])[] = [];
  readonly watches: { readonly prefix: string; readonly watcher: ChangeWatcher }[] = [];
  canWatch = true;
  table: Readonly<Record<string, EntityValues>>;

  constructor(table: Readonly<Record<string, EntityValues>> = {}) {
    this.table = table;
  }

  /** View and key of each entity of the reads so far. */
  get asked(): string[][] {
    return this.reads.map((reads) => reads.map(({ view, key }) => `${view.name} ${key}`));
  }

  abstract read(reads: readonly EntityRead[], receiver: ReadReceiver): void;

  watch(prefix: string, watcher: ChangeWatcher): (() => void) | null {
    if (!this.canWatch) return null;
    const watch = { prefix, watcher };
    this.watches.push(watch);
    return () => void this.watches.splice(this.watches.indexOf(watch), 1);
  }

  /** What the store has now. */
  snapshot(reads: readonly EntityRead[]): EntityValues[] {
    return reads.map(({ view, key }) => {
      return this.table[key] ?? { found: false, values: view.fields.map(() => undefined), timeMs: null, bad: [] };
    });
  }

  isHealthy(): boolean {
    return true;
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Its answers are held back or let go by the test. */
export class HeldStore extends MemoryStore {
  readonly held: { answer(): void; fail(): void }[] = [];

  override read(reads: readonly EntityRead[], receiver: ReadReceiver): void {
    this.reads.push(reads);
    const values = this.snapshot(reads);
    this.held.push({
      answer: () => {
        for (const [i, read] of reads.entries()) read.entity = values[i]!;
        receiver.onRead(null);
      },
      fail: () => receiver.onRead(new Error('broken')),
    });
  }
}

/** Answers at once. */
export class InstantStore extends MemoryStore {
  fails = false;

  override read(reads: readonly EntityRead[], receiver: ReadReceiver): void {
    this.reads.push(reads);
    if (this.fails) throw new Error('broken');
    const values = this.snapshot(reads);
    for (const [i, read] of reads.entries()) read.entity = values[i]!;
    receiver.onRead(null);
  }

  override isHealthy(): boolean {
    return !this.fails;
  }
}

export interface Bench {
  readonly enricher: Enricher;
  readonly meter: Meter;
  readonly journal: Journal;
  /** Enriches a JSON body by the views and reads the result back. */
  readonly run: (request: TestRequest) => Promise<Result>;
}

export type Result =
  | { ok: true; body: unknown; text: string; views: readonly ViewRecord[] }
  | { ok: false; code: string; message: string; views: readonly ViewRecord[] };

/** A request with its features, as a backend of its own protocol gets it. */
export type Placed =
  | {
      readonly ok: true;
      readonly body: Buffer | null;
      readonly inferenceHeaderLength: number | null;
      readonly isDecoded: boolean;
      readonly views: readonly ViewRecord[];
    }
  | Extract<Enrichment, { ok: false }>;

/** Puts the features that were found into the body of the client. */
export function placed(found: Enrichment, body: Buffer | null): Placed {
  if (!found.ok) return found;
  const { features, views } = found;
  if (features === null) return { ok: true, body, inferenceHeaderLength: null, isDecoded: false, views };
  const own = features.own();
  if ('ok' in own) return { ...own, views };
  const { bytes, inferenceHeaderLength } = own;
  return { ok: true, body: bytes, inferenceHeaderLength, isDecoded: features.isDecoded, views };
}

export function makeBench(
  views: readonly FeatureView[],
  stores: (view: FeatureView) => OnlineStore,
  clock: Clock = realClock,
): Bench {
  const meter = new Meter();
  const journal = new Journal();
  const enricher = createEnricher({ stores, clock, metrics: meter, logger: journal });
  enricher.adopt({ views, limits: { bodyBytes: 1e6, bufferBytes: 1e6, rows: 100 } });
  return {
    enricher,
    meter,
    journal,
    run: async (request) => {
      const body =
        typeof request.body === 'string' ? Buffer.from(request.body) : Buffer.from(JSON.stringify(request.body));
      const protocol = views.some(({ into }) => into.kind === 'columns') ? 'kserve-v1' : 'oip';
      const facts = makeFacts(request, body, protocol);
      const result = placed(await enricher.enrich({ enrich: views }, facts, body, null), body);
      if (!result.ok) return result;
      const text = (result.body ?? Buffer.alloc(0)).toString();
      return { ok: true, body: JSON.parse(text), text, views: result.views };
    },
  };
}
