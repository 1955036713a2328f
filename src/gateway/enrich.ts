import { Buffer } from 'node:buffer';

import type { ErrorCode } from '../core/errors.ts';
import type { Facts } from '../core/facts.ts';
import type { FeatureView, Rule, Snapshot } from '../core/snapshot.ts';
import { enrichBody } from '../protocol/enrich-body.ts';
import { isCompleteJson } from '../protocol/json-scan.ts';
import { suppliedFeatures } from '../protocol/supplied-features.ts';
import { type EntityKeys, type Refusal, readEntityKeys, refuse } from './entity-keys.ts';
import { FeatureFetch, type FetchPorts, type ViewNeed } from './feature-fetch.ts';
import { FeatureHealth } from './feature-health.ts';
import { cacheIdentity, makeCache, prepareView, type ViewPlan } from './feature-plan.ts';
import { resolveView } from './feature-policy.ts';
import { countRows } from './feature-rows.ts';
import type { Clock, Logger, Metrics, OnlineStore } from './ports.ts';
import type { ViewRecord } from './record.ts';

/** A request body with its features, or why there is none; the message is safe for clients. */
export type Enrichment =
  | {
      readonly ok: true;
      readonly body: Buffer | null;
      readonly inferenceHeaderLength: number | null;
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
   * Puts the features of a rule into the body of a request. `inferenceHeaderLength` is the length of the JSON in a body
   * with binary tensors, else null. Synchronous when no store had to be waited for.
   */
  enrich(
    rule: Pick<Rule, 'enrich'>,
    facts: Facts,
    body: Buffer | null,
    inferenceHeaderLength: number | null,
  ): Enrichment | Promise<Enrichment>;
}

/** One request between reading its keys and placing its values. */
interface Work {
  readonly plans: readonly ViewPlan[];
  readonly rows: readonly number[];
  readonly supplied: readonly (readonly (readonly boolean[])[] | null)[];
  readonly body: Buffer;
  readonly inferenceHeaderLength: number | null;
}

export function createEnricher({ stores, clock, metrics, logger }: EnricherOptions): Enricher {
  const plans = new WeakMap<FeatureView, ViewPlan>();
  const health = new FeatureHealth(metrics, logger);
  const ports: FetchPorts = { storeOf: (plan) => stores(plan.view), clock, health };
  let caches = new Map<string, ViewPlan['cache']>();
  let maxRows = 0;

  return {
    isDegraded: () => health.isDegraded,

    adopt({ views, limits }) {
      maxRows = limits.rows;
      const kept: typeof caches = new Map();
      for (const view of views) {
        const identity = cacheIdentity(view);
        const cache = caches.get(identity) ?? makeCache(view);
        kept.set(identity, cache);
        plans.set(view, prepareView(view, cache, metrics));
      }
      caches = kept;
      health.retain(new Set(views.map((view) => view.store.id)));
    },

    enrich(rule, facts, body, inferenceHeaderLength) {
      if (rule.enrich.length === 0) return { ok: true, body, inferenceHeaderLength, views: [] };
      const checked = checkBody(facts, body, inferenceHeaderLength);
      if (!Buffer.isBuffer(checked)) return { ...checked, views: [] };
      const json = inferenceHeaderLength === null ? checked : checked.subarray(0, inferenceHeaderLength);
      const tail = checked.subarray(json.length);

      const views = rule.enrich.map((view) => planOf(plans, view));
      const keys: EntityKeys[] = [];
      for (const plan of views) {
        const read = readEntityKeys(plan.entity, { facts, json, tail, maxRows });
        if (!read.ok) return { ...read, views: [] };
        keys.push(read);
      }
      const rows = countRows(views, keys, json, tail.length, maxRows);
      if ('ok' in rows) return { ...rows, views: [] };
      const supplied = views.map((plan, i) =>
        plan.view.prefer === 'request' ? findSupplied(plan, json, tail.length, rows[i]!) : null,
      );
      const work: Work = { plans: views, rows, supplied, body: checked, inferenceHeaderLength };
      const fetch = new FeatureFetch(
        views.map((plan, i): ViewNeed => ({ plan, keys: keys[i]!, isNeeded: findNeeded(keys[i]!, supplied[i]!) })),
        ports,
      );
      if (fetch.isDone) return finish(work, fetch, clock.now());
      return fetch.wait().then(() => finish(work, fetch, clock.now()));
    },
  };
}

function planOf(plans: WeakMap<FeatureView, ViewPlan>, view: FeatureView): ViewPlan {
  const plan = plans.get(view);
  if (plan === undefined) throw new Error(`feature view ${view.name} was not adopted`);
  return plan;
}

/** What can be said before anything is read: values are put into plain JSON only. */
function checkBody(facts: Facts, body: Buffer | null, inferenceHeaderLength: number | null): Buffer | Refusal {
  const encoding = facts.header('content-encoding');
  if (encoding !== undefined && encoding !== '' && encoding.toLowerCase() !== 'identity') {
    return refuse('BAD_BODY', 'Features are added to this request, so its body must be sent without Content-Encoding.');
  }
  if (body === null || body.length === 0) return refuse('BAD_BODY', 'The request needs a JSON body.');
  if (inferenceHeaderLength === 0) {
    return refuse('BAD_BODY', 'Features cannot be added to a raw binary request; send the JSON form.');
  }
  if (inferenceHeaderLength !== null && inferenceHeaderLength > body.length) {
    return refuse('BAD_REQUEST', 'Inference-Header-Content-Length is larger than the body.');
  }
  return body;
}

/** What the request brings itself; null for nothing. */
function findSupplied(plan: ViewPlan, json: Buffer, tailBytes: number, rows: number): boolean[][] | null {
  const supplied = suppliedFeatures(json, tailBytes, plan.into, plan.names, rows);
  return supplied.some((feature) => feature.includes(true)) ? supplied : null;
}

/** Entities of which the request brings every feature itself need not be read. Null for: all are needed. */
function findNeeded(keys: EntityKeys, supplied: readonly (readonly boolean[])[] | null): boolean[] | null {
  if (supplied === null) return null;
  if (!keys.isPerRow) return [supplied.some((feature) => feature.includes(false))];
  return keys.keys.map((_, row) => supplied.some((feature) => feature[row] !== true));
}

function finish(work: Work, fetch: FeatureFetch, nowMs: number): Enrichment {
  const views: ViewRecord[] = [];
  let refusal: Refusal | null = null;
  let { body, inferenceHeaderLength } = work;
  for (const [i, plan] of work.plans.entries()) {
    const rows = work.rows[i]!;
    const resolution = resolveView(fetch.views[i]!, rows, work.supplied[i] ?? null, nowMs);
    views.push(resolution.record);
    count(plan, resolution.record);
    refusal ??= resolution.refusal;
    if (refusal !== null || resolution.columns === null) continue;
    const enriched = enrichBody({
      body,
      inferenceHeaderLength,
      into: plan.into,
      columns: resolution.columns,
      rows,
      existing: plan.view.prefer,
    });
    if (enriched.ok) ({ body, inferenceHeaderLength } = enriched);
    else refusal = refuse(enriched.code, enriched.message);
  }
  if (refusal === null) return { ok: true, body, inferenceHeaderLength, views };
  return { ...blameBody(refusal, work), views };
}

/** In a body that is no JSON nothing is found; then that is what the client should hear. */
function blameBody(refusal: Refusal, { body, inferenceHeaderLength }: Work): Refusal {
  if (refusal.code !== 'ENTITY_MISSING') return refusal;
  const json = inferenceHeaderLength === null ? body : body.subarray(0, inferenceHeaderLength);
  return isCompleteJson(json) ? refusal : refuse('BAD_BODY', 'The body is not valid JSON.');
}

function count({ handles }: ViewPlan, record: ViewRecord): void {
  for (let i = 0; i < record.statuses.length; i++) {
    const values = record.statuses[i]!;
    if (values > 0) handles.statuses[i]!.inc(values);
  }
  if (record.ageMs !== null) handles.age.observe(record.ageMs / 1000);
}
