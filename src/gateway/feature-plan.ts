import type { FeatureView } from '../core/snapshot.ts';
import { parametersPath } from '../protocol/enrich-object.ts';
import type { Into } from '../protocol/feature-into.ts';
import { type FeatureDatatype, type FeatureLayout, layOutFeatures } from '../protocol/feature-layout.ts';
import { compileSteps, type Path } from '../protocol/json-path.ts';
import { type EntityPlan, prepareEntity } from './entity-keys.ts';
import { type CacheHooks, FeatureCache, lastKnownMax } from './feature-cache.ts';
import type { Flight } from './feature-read.ts';
import type { Clock, Counter, EntityValues, Histogram, Metrics } from './ports.ts';
import { type FeatureStatus, featureStatuses } from './record.ts';

/** What enrichment needs of a view, prepared at load so that requests only look things up. */
export interface ViewPlan {
  readonly view: FeatureView;
  readonly entity: EntityPlan;
  readonly layout: FeatureLayout;
  /** Places in the body that the view looks at. */
  readonly paths: readonly Path[];
  /** Whether the place where the values go can hold null; tensors cannot. */
  readonly isNullable: boolean;
  /** Stands for an entity without a key. */
  readonly nobody: EntityValues;
  /** Statuses of a row of which every value is there. */
  readonly allPresent: readonly FeatureStatus[];
  /** For the cache, for reads shared by requests, and for the last known values; null when none of these is wanted. */
  readonly cache: FeatureCache<Flight> | null;
  readonly handles: ViewHandles;
}

export interface ViewHandles {
  /** In the order of `featureStatuses`. */
  readonly statuses: readonly Counter[];
  readonly age: Histogram;
  readonly readTime: Histogram;
  readonly timeouts: Counter;
  readonly storeErrors: Counter;
  readonly valueErrors: Counter;
  readonly hits: Counter;
  readonly misses: Counter;
  readonly shared: Counter;
}

const datatypes = { float: 'FP32', double: 'FP64', int: 'INT64', bool: 'BOOL', string: 'BYTES' } as const;
const known: ReadonlySet<string> = new Set<FeatureDatatype>(['BOOL', 'INT32', 'INT64', 'FP32', 'FP64', 'BYTES']);

/** Prepares a view; a cache that already holds values of the same kind is taken over. */
export function prepareView(view: FeatureView, cache: FeatureCache<Flight> | null, metrics: Metrics): ViewPlan {
  const into = prepareInto(view);
  const entity = prepareEntity(view);
  const paths = entity.parts.flatMap(({ part, path }) => (part.source.from === 'body' && path !== null ? [path] : []));
  if (into.kind === 'pointer') paths.push(into.path);
  if (into.kind === 'parameters') paths.push(parametersPath);
  return {
    view,
    entity,
    layout: layOutFeatures(
      into,
      view.fields.map(({ name, type }) => ({ name, datatype: datatypes[type] })),
    ),
    paths,
    isNullable: into.kind !== 'tensor' && into.kind !== 'tensors',
    nobody: { found: false, values: view.fields.map(() => undefined), timeMs: null, bad: [] },
    allPresent: view.fields.map(() => 'present'),
    cache,
    handles: makeHandles(view.name, metrics),
  };
}

/** A new cache for a view, or null when the view wants none. */
export function makeCache(view: FeatureView, clock: Clock, metrics: Metrics): FeatureCache<Flight> | null {
  const { name, cache, onError } = view;
  if (cache === null) return onError === 'lastKnown' ? new FeatureCache(lastKnownMax, 0) : null;
  return new FeatureCache(cache.max, cache.ttlMs, makeCacheHooks(name, clock, metrics));
}

function makeCacheHooks(view: string, clock: Clock, metrics: Metrics): CacheHooks {
  const entries = metrics.gauge('makas_feature_cache_entries', view);
  const invalidations = metrics.counter('makas_feature_cache_invalidations_total', view);
  const flushes = {
    flush: metrics.counter('makas_feature_cache_flushes_total', view, 'flush'),
    gap: metrics.counter('makas_feature_cache_flushes_total', view, 'gap'),
  };
  const tracking = metrics.gauge('makas_feature_cache_tracked', view);
  return {
    now: () => clock.steady(),
    onSize: (entities) => entries.set(entities),
    onInvalidated: () => invalidations.inc(),
    onFlushed: (reason) => flushes[reason].inc(),
    onTracking: (isTracked) => tracking.set(isTracked ? 1 : 0),
    // What is not a number is not shown.
    onRetired: () => [entries, tracking].forEach((gauge) => gauge.set(Number.NaN)),
  };
}

/** Equal for views whose cached values mean the same, so that a reload does not empty the caches. */
export function cacheIdentity(view: FeatureView): string {
  const { name, store, fields, timestamp, cache, onError } = view;
  const types = fields.map((field) => [field.name, field.type]);
  // The key is what values are found by; where its parts come from may change.
  const size = cache === null ? onError : [cache.mode, cache.max, cache.ttlMs];
  return JSON.stringify([name, store.id, types, timestamp, size]);
}

function prepareInto({ name, into }: FeatureView): Into {
  if (into.kind === 'tensor') {
    if (!isDatatype(into.datatype)) throw new Error(`feature view ${name}: unknown datatype ${into.datatype}`);
    return { kind: 'tensor', name: into.name, datatype: into.datatype };
  }
  if (into.kind !== 'pointer') return into;
  const path = compileSteps(into.path);
  if (path === null) throw new Error(`feature view ${name}: the pointer has too many steps`);
  return { kind: 'pointer', path };
}

function isDatatype(text: string): text is FeatureDatatype {
  return known.has(text);
}

function makeHandles(view: string, metrics: Metrics): ViewHandles {
  return {
    statuses: featureStatuses.map((status) => metrics.counter('makas_features_total', view, status)),
    age: metrics.histogram('makas_feature_age_seconds', view),
    readTime: metrics.histogram('makas_feature_read_seconds', view),
    timeouts: metrics.counter('makas_feature_errors_total', view, 'timeout'),
    storeErrors: metrics.counter('makas_feature_errors_total', view, 'store'),
    valueErrors: metrics.counter('makas_feature_errors_total', view, 'value'),
    hits: metrics.counter('makas_feature_cache_total', view, 'hit'),
    misses: metrics.counter('makas_feature_cache_total', view, 'miss'),
    shared: metrics.counter('makas_feature_cache_total', view, 'shared'),
  };
}
