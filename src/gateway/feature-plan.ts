import type { FeatureView } from '../core/snapshot.ts';
import type { FeatureDatatype } from '../protocol/feature-column.ts';
import type { Into } from '../protocol/feature-into.ts';
import { compileSteps } from '../protocol/json-path.ts';
import { type EntityPlan, prepareEntity } from './entity-keys.ts';
import { FeatureCache, lastKnownMax } from './feature-cache.ts';
import type { Flight } from './feature-read.ts';
import type { Counter, EntityValues, Histogram, Metrics } from './ports.ts';
import { featureStatuses } from './record.ts';

/** What enrichment needs of a view, prepared at load so that requests only look things up. */
export interface ViewPlan {
  readonly view: FeatureView;
  readonly entity: EntityPlan;
  readonly into: Into;
  readonly names: readonly string[];
  /** Datatype in which each field is written. */
  readonly datatypes: readonly FeatureDatatype[];
  /** Whether the place where the values go can hold null; tensors cannot. */
  readonly isNullable: boolean;
  /** Stands for an entity without a key. */
  readonly nobody: EntityValues;
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
  return {
    view,
    entity: prepareEntity(view),
    into,
    names: view.fields.map((field) => field.name),
    datatypes: view.fields.map((field) => (into.kind === 'tensor' ? into.datatype : datatypes[field.type])),
    isNullable: into.kind !== 'tensor' && into.kind !== 'tensors',
    nobody: { found: false, values: view.fields.map(() => undefined), timeMs: null, bad: [] },
    cache,
    handles: makeHandles(view.name, metrics),
  };
}

/** A new cache for a view, or null when the view wants none. */
export function makeCache(view: FeatureView): FeatureCache<Flight> | null {
  if (view.cache !== null) return new FeatureCache(view.cache.max, view.cache.ttlMs);
  return view.onError === 'lastKnown' ? new FeatureCache(lastKnownMax, 0) : null;
}

/** Equal for views whose cached values mean the same, so that a reload does not empty the caches. */
export function cacheIdentity(view: FeatureView): string {
  const { name, store, fields, timestamp, cache, onError } = view;
  const types = fields.map((field) => [field.name, field.type]);
  // The key is what values are found by; where its parts come from may change.
  const size = cache === null ? onError : [cache.max, cache.ttlMs];
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
