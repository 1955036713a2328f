import type { FeatureView } from '../core/snapshot.ts';
import type { FeatureCache } from './feature-cache.ts';
import { cacheIdentity, makeCache } from './feature-plan.ts';
import type { Flight } from './feature-read.ts';
import type { Clock, Logger, Metrics, OnlineStore } from './ports.ts';

export interface FeatureCachesOptions {
  readonly stores: (view: FeatureView) => OnlineStore;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

interface Kept {
  readonly cache: FeatureCache<Flight> | null;
  /** Ends the watch of the keys of a tracked cache. */
  readonly unwatch: (() => void) | null;
}

/** The caches of the views at work. Those of views that did not change stay across reloads. */
export class FeatureCaches {
  readonly #options: FeatureCachesOptions;
  #kept = new Map<string, Kept>();

  constructor(options: FeatureCachesOptions) {
    this.#options = options;
  }

  /** The cache of each view; null for those that want none. */
  adopt(views: readonly FeatureView[]): (FeatureCache<Flight> | null)[] {
    const identities = views.map(cacheIdentity);
    for (const [identity, { cache, unwatch }] of this.#kept) {
      if (identities.includes(identity)) continue;
      unwatch?.();
      cache?.retire();
    }
    const kept = new Map<string, Kept>();
    const caches = views.map((view, i) => {
      const identity = identities[i]!;
      const entry = kept.get(identity) ?? this.#kept.get(identity) ?? this.#open(view);
      kept.set(identity, entry);
      return entry.cache;
    });
    this.#kept = kept;
    return caches;
  }

  #open(view: FeatureView): Kept {
    const { stores, clock, metrics, logger } = this.#options;
    const cache = makeCache(view, clock, metrics);
    if (cache === null || view.cache?.mode !== 'tracking') return { cache, unwatch: null };
    cache.onLost();
    const unwatch = stores(view).watch(view.key.literals[0] ?? '', cache);
    if (unwatch === null) {
      logger.warn({ view: view.name }, 'this store tells of no changes; values are cached for their time to live');
    }
    return { cache, unwatch };
  }
}
