import type { Buffer } from 'node:buffer';

import type { ErrorCode } from '../core/errors.ts';
import type { FeatureView, Rule, Snapshot } from '../core/snapshot.ts';
import type { FeatureBody } from '../protocol/feature-body.ts';
import { formOf } from '../protocol/feature-places.ts';
import type { FeatureTable } from '../protocol/feature-table.ts';
import { GrpcBody } from '../protocol/grpc/grpc-body.ts';
import { isGrpc } from '../protocol/protocols.ts';
import { compilePlaces, openBody, type Places } from '../protocol/request-body.ts';
import { type EntityKeys, type Refusal, readEntityKeys, refuse } from './entity-keys.ts';
import type { RequestFacts } from './facts.ts';
import { FeatureCaches } from './feature-caches.ts';
import { FeatureFetch, type FetchPorts, type ViewNeed } from './feature-fetch.ts';
import { FeatureHealth } from './feature-health.ts';
import { prepareView, type ViewPlan } from './feature-plan.ts';
import { resolveView } from './feature-policy.ts';
import { countRows } from './feature-rows.ts';
import type { Clock, Logger, Metrics, OnlineStore } from './ports.ts';
import type { ViewRecord } from './record.ts';
import { type FeatureRequest, RequestFeatures } from './request-features.ts';

/** The features of a request, or why there are none; the message is safe for clients. */
export type Enrichment =
  | {
      readonly ok: true;
      /** Null when nothing goes into the request. */
      readonly features: RequestFeatures | null;
      readonly views: readonly ViewRecord[];
    }
  | {
      readonly ok: false;
      readonly code: ErrorCode;
      readonly message: string;
      readonly views: readonly ViewRecord[];
    };

export interface EnricherOptions {
  readonly stores: (view: FeatureView) => OnlineStore;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export interface Enricher {
  /** Whether a store fails now and its features are served by policy. */
  isDegraded(): boolean;
  /** Prepares the views of a snapshot, before a request uses it. Caches of views that did not change stay. */
  adopt(snapshot: Pick<Snapshot, 'views' | 'limits'>): void;
  /**
   * Finds the features of a rule for a request, by what its body says without its content encoding; the facts must
   * have the same body. `inferenceHeaderLength` is the length of the JSON in a body with binary tensors, else null. Of
   * gRPC the body is the message. Synchronous when no store had to be waited for.
   */
  enrich(
    rule: Pick<Rule, 'enrich'>,
    facts: RequestFacts,
    body: Buffer | null,
    inferenceHeaderLength: number | null,
  ): Enrichment | Promise<Enrichment>;
}

/** The views of a rule, and where in a body they look. */
interface RulePlan {
  readonly views: readonly ViewPlan[];
  readonly places: Places;
  /** Whether entities and features have places of their own, which the protocol does not say. */
  readonly isFree: boolean;
}

/** One request between reading its keys and placing its values. */
interface Work {
  readonly plans: readonly ViewPlan[];
  readonly rows: readonly number[];
  readonly supplied: readonly (Uint8Array | null)[];
  readonly request: FeatureRequest;
}

export function createEnricher({ stores, clock, metrics, logger }: EnricherOptions): Enricher {
  const plans = new WeakMap<FeatureView, ViewPlan>();
  let rulePlans = new WeakMap<readonly FeatureView[], RulePlan>();
  const health = new FeatureHealth(metrics, logger);
  const ports: FetchPorts = { storeOf: (plan) => stores(plan.view), clock, health, lines: new Map() };
  const caches = new FeatureCaches({ stores, clock, metrics, logger });
  let maxRows = 0;

  const planOf = (views: readonly FeatureView[]): RulePlan => {
    let plan = rulePlans.get(views);
    if (plan === undefined) rulePlans.set(views, (plan = planRule(views, plans)));
    return plan;
  };

  return {
    isDegraded: () => health.isDegraded,

    adopt({ views, limits }) {
      maxRows = limits.rows;
      rulePlans = new WeakMap();
      ports.lines.clear();
      const adopted = caches.adopt(views);
      for (const [i, view] of views.entries()) plans.set(view, prepareView(view, adopted[i] ?? null, metrics));
      health.retain(new Set(views.map((view) => view.store.id)));
    },

    enrich(rule, facts, bytes, inferenceHeaderLength) {
      if (rule.enrich.length === 0) {
        return { ok: true, features: null, views: [] };
      }
      const plan = planOf(rule.enrich);
      const { views, places } = plan;
      const isEncoded = !isGrpc(facts.protocol) && !facts.isPlainBody();
      const body = checkBody(facts, isEncoded, bytes, inferenceHeaderLength, plan);
      if ('ok' in body) return fail(body, []);

      const keys = new Array<EntityKeys>(views.length);
      const source = { facts, body, maxRows };
      for (let i = 0; i < views.length; i++) {
        const read = readEntityKeys(views[i]!.entity, source);
        if (!read.ok) return fail(read, []);
        keys[i] = read;
      }
      const rows = countRows(views, keys, body, maxRows);
      if ('ok' in rows) return fail(rows, []);
      const supplied = views.map(({ view, layout }, i) =>
        view.prefer === 'request' ? body.supplied(layout, rows[i]!) : null,
      );
      const { protocol, operation } = facts;
      const request = { protocol, operation, body, isDecoded: isEncoded, places };
      const work: Work = { plans: views, rows, supplied, request };
      const needs = views.map((plan, i): ViewNeed => {
        return { plan, keys: keys[i]!, isNeeded: findNeeded(plan, keys[i]!, supplied[i]!) };
      });
      const fetch = new FeatureFetch(needs, ports);
      if (fetch.isDone) return finish(work, fetch, clock.now());
      return fetch.wait().then(() => finish(work, fetch, clock.now()));
    },
  };
}

function planRule(views: readonly FeatureView[], plans: WeakMap<FeatureView, ViewPlan>): RulePlan {
  const found = views.map((view) => {
    const plan = plans.get(view);
    if (plan === undefined) throw new Error(`feature view ${view.name} was not adopted`);
    return plan;
  });
  const isFree = found.every(({ view }) => {
    return view.into.kind === 'pointer' && view.entity.every(({ source }) => source.from !== 'column');
  });
  return { views: found, places: compilePlaces(found.flatMap(({ paths }) => paths)), isFree };
}

/** What can be said before anything is read. */
function checkBody(
  facts: RequestFacts,
  isEncoded: boolean,
  bytes: Buffer | null,
  inferenceHeaderLength: number | null,
  { places, isFree }: RulePlan,
): FeatureBody | Refusal {
  const { protocol } = facts;
  if (protocol === 'oip-grpc') {
    return bytes === null ? refuse('BAD_BODY', 'The request needs a message.') : new GrpcBody(bytes);
  }
  if (isGrpc(protocol)) return refuse('BAD_BODY', UNREADABLE);
  if (bytes === null || bytes.length === 0) return refuse('BAD_BODY', 'The request needs a JSON body.');
  if (protocol === 'kserve-v1' && !isFree && isStructuredEvent(facts)) {
    return refuse('BAD_BODY', STRUCTURED_EVENT);
  }
  const plain = isEncoded ? facts.plainBody() : bytes;
  if (plain !== null) return openBody(plain, inferenceHeaderLength, places, formOf(protocol));
  const problem = facts.decodingProblem();
  return refuse(problem?.code ?? 'BAD_BODY', problem?.message ?? UNREADABLE);
}

/** Content types begin with `application/cloudevents` in this mode only (HTTP Protocol Binding for CloudEvents 1.0, 3). */
function isStructuredEvent(facts: RequestFacts): boolean {
  return /^\s*application\/cloudevents/i.test(facts.header('content-type') ?? '');
}

const STRUCTURED_EVENT =
  'Features are added to this request, and a structured CloudEvent has no place for them: send the data as the body, and the event in ce- headers.';
const UNREADABLE = 'Features are added to this request, so it must be JSON or of the Open Inference Protocol.';

/** Entities of which the request brings every feature itself need not be read. Null for: all are needed. */
function findNeeded({ layout }: ViewPlan, keys: EntityKeys, supplied: Uint8Array | null): boolean[] | null {
  if (supplied === null) return null;
  if (!keys.isPerRow) return [supplied.includes(0)];
  const { length } = layout.columns;
  return keys.keys.map((_, row) => supplied.subarray(row * length, (row + 1) * length).includes(0));
}

function finish(work: Work, fetch: FeatureFetch, nowMs: number): Enrichment {
  const { length } = work.plans;
  const views = new Array<ViewRecord>(length);
  const tables: FeatureTable[] = new Array(length);
  let used = 0;
  let refusal: Refusal | null = null;
  for (let i = 0; i < length; i++) {
    const plan = work.plans[i]!;
    const rows = work.rows[i]!;
    const resolution = resolveView(fetch.views[i]!, rows, work.supplied[i]!, nowMs);
    views[i] = resolution.record;
    count(plan, resolution.record);
    refusal ??= resolution.refusal;
    const { values } = resolution;
    if (values !== null) tables[used++] = { layout: plan.layout, rows, values, existing: plan.view.prefer };
  }
  tables.length = used;
  if (refusal !== null) return fail(blameBody(refusal, work.request.body), views);
  return { ok: true, features: used === 0 ? null : new RequestFeatures(work.request, tables), views };
}

function fail({ code, message }: Refusal, views: readonly ViewRecord[]): Enrichment {
  return { ok: false, code, message, views };
}

/** In a body that cannot be read nothing is found; then that is what the client should hear. */
function blameBody(refusal: Refusal, body: FeatureBody): Refusal {
  return refusal.code === 'ENTITY_MISSING' ? (body.problem() ?? refusal) : refusal;
}

function count({ handles }: ViewPlan, record: ViewRecord): void {
  for (let i = 0; i < record.statuses.length; i++) {
    const values = record.statuses[i]!;
    if (values > 0) handles.statuses[i]!.inc(values);
  }
  if (record.ageMs !== null) handles.age.observe(record.ageMs / 1000);
}
