import type { FeatureView, StoreSettings } from '../../core/snapshot.ts';
import type { Logger, Metrics, OnlineStore } from '../../gateway/ports.ts';
import { EmbeddedStore, type Watch } from './embedded.ts';
import { RedisClusterStore } from './redis-cluster.ts';
import { RedisHashStore } from './redis-hash.ts';

/** Of the connections to Redis, in the logs and in Redis itself. */
const connectionName = 'features';
/** Longest pause between two attempts to connect: Redis is in use again this soon after it returned. */
const longestPauseMs = 1000;

export interface StoresOptions {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly watch: Watch;
  /** Longest wait for the first connection to a new store, milliseconds. */
  readonly connectWaitMs?: number;
}

/** The online stores by their ids. Stores stay open across reloads as long as some configuration at work names them. */
export interface Stores {
  /**
   * Opens the stores that are new. Rejects, and opens none, when a file cannot be read; a Redis that is away is no
   * failure, because the views say what to do then.
   */
  readonly adopt: (views: readonly FeatureView[]) => Promise<void>;
  /** The store of a view of an adopted configuration. */
  readonly storeOf: (view: FeatureView) => OnlineStore;
  /** Closes the stores that none of these views names, after their reads have ended. */
  readonly retain: (views: Iterable<FeatureView>) => Promise<void>;
  readonly close: () => Promise<void>;
}

export function createStores(options: StoresOptions): Stores {
  const stores = new Map<string, OnlineStore>();
  /** Ids of a configuration that is being adopted: what retires meanwhile must not take them away. */
  let incoming = new Set<string>();

  const openNew = async (views: readonly FeatureView[]): Promise<void> => {
    const fresh = new Map<string, StoreSettings>();
    for (const { store } of views) if (!stores.has(store.id)) fresh.set(store.id, store);
    const opened = await Promise.allSettled(
      [...fresh.values()].map(async (settings) => [settings.id, await open(settings, options)] as const),
    );
    const failed = opened.find((result) => result.status === 'rejected');
    for (const result of opened) {
      if (result.status === 'rejected') continue;
      const [id, store] = result.value;
      if (failed === undefined && !stores.has(id)) stores.set(id, store);
      else await store.close();
    }
    if (failed !== undefined) throw failed.reason;
  };

  return {
    async adopt(views) {
      incoming = new Set(views.map(({ store }) => store.id));
      try {
        await openNew(views);
      } finally {
        incoming = new Set();
      }
    },

    storeOf(view) {
      return stores.get(view.store.id) ?? closedStore;
    },

    async retain(views) {
      const kept = new Set(incoming);
      for (const view of views) kept.add(view.store.id);
      const gone = [...stores].filter(([id]) => !kept.has(id));
      for (const [id] of gone) stores.delete(id);
      await Promise.all(gone.map(([, store]) => store.close()));
    },

    async close() {
      const all = [...stores.values()];
      stores.clear();
      await Promise.all(all.map((store) => store.close()));
    },
  };
}

async function open(settings: StoreSettings, options: StoresOptions): Promise<OnlineStore> {
  if (settings.kind === 'embedded') return EmbeddedStore.open({ ...options, ...settings });
  const { logger } = options;
  const store =
    settings.cluster === undefined
      ? new RedisHashStore({ settings, name: connectionName, longestPauseMs, logger })
      : new RedisClusterStore(settings, connectionName, longestPauseMs, logger);
  await store.ready(options.connectWaitMs ?? 1000).catch((error: unknown) => {
    logger.warn({ store: settings.id, error: String(error) }, 'serving without the feature store');
  });
  return store;
}

/** Stands in for a store that is closed: its reads fail, and the policies of the view decide. */
const closedStore: OnlineStore = {
  read: (_, receiver) => receiver.onRead(new Error('the store is closed')),
  watch: () => null,
  isHealthy: () => false,
  close: () => Promise.resolve(),
};
