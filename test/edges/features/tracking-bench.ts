import { Buffer } from 'node:buffer';

import type { FeatureView } from '../../../src/core/snapshot.ts';
import { createStores } from '../../../src/edges/features/stores.ts';
import { createEnricher, type Enricher } from '../../../src/gateway/enrich.ts';
import { field, Journal, makeFacts, makeView, Meter, realClock, placed } from '../../gateway/feature-fixtures.ts';

/** A tracked view of hashes `NAME:ID` with one number `v`; -1 stands for none. */
export function trackedView(url: string, overrides: Partial<FeatureView> = {}): FeatureView {
  const name = overrides.name ?? 'user';
  return makeView({
    name,
    store: { kind: 'redis-hash', id: url, url },
    entity: [{ name: 'id', source: { from: 'body', path: ['id'] }, type: 'string' }],
    key: { literals: [`${name}:`, ''], parts: [0] },
    fields: [field('v', 'int', -1)],
    into: { kind: 'pointer', path: [name] },
    timeoutMs: 5000,
    cache: { mode: 'tracking', max: 1000, ttlMs: 50 },
    ...overrides,
  });
}

export interface TrackingBench {
  readonly meter: Meter;
  readonly journal: Journal;
  readonly enricher: Enricher;
  /** Takes other views live. */
  readonly adopt: (views: readonly FeatureView[]) => Promise<void>;
  /** What a request for this entity gets: null when the store failed. */
  readonly ask: (id: string, view?: FeatureView) => Promise<number | null>;
  readonly isTracked: (name?: string) => boolean;
  readonly tracked: (name?: string) => Promise<void>;
  readonly hits: (name?: string) => number;
  readonly close: () => Promise<void>;
}

export async function startBench(views: readonly FeatureView[]): Promise<TrackingBench> {
  const meter = new Meter();
  const journal = new Journal();
  const stores = createStores({ logger: journal, metrics: meter, watch: () => ({ close: () => undefined }) });
  const enricher = createEnricher({ stores: stores.storeOf, clock: realClock, metrics: meter, logger: journal });
  const adopt = async (next: readonly FeatureView[]) => {
    await stores.adopt(next);
    enricher.adopt({ views: next, limits: { bodyBytes: 1e6, bufferBytes: 1e6, rows: 100 } });
  };
  await adopt(views);
  const [first] = views;
  const isTracked = (name = 'user') => meter.of(`makas_feature_cache_tracked ${name}`) === 1;
  return {
    meter,
    journal,
    enricher,
    adopt,
    ask: async (id, view = first) => {
      if (view === undefined) throw new Error('there is no view');
      const body = Buffer.from(JSON.stringify({ id }));
      const result = placed(await enricher.enrich({ enrich: [view] }, makeFacts({}, body), body, null), body);
      if (!result.ok) throw new Error(result.message);
      if (result.views[0]?.error !== null) return null;
      const enriched: Record<string, { v: number }> = JSON.parse(String(result.body));
      return enriched[view.name]?.v ?? null;
    },
    isTracked,
    tracked: async (name) => until(() => isTracked(name)),
    hits: (name = 'user') => meter.of(`makas_feature_cache_total ${name} hit`),
    close: () => stores.close(),
  };
}

/** Waits until a condition holds; fails the test when that takes ten seconds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const limitMs = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > limitMs) throw new Error(`this did not come true: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
