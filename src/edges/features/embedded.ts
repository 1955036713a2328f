import type { FeatureView } from '../../core/snapshot.ts';
import type {
  EntityRead,
  EntityValues,
  FeatureValue,
  Logger,
  Metrics,
  OnlineStore,
  ReadReceiver,
} from '../../gateway/ports.ts';
import { readEventTime } from './event-time.ts';
import { type Row, type Rows, readRows } from './row-file.ts';
import { readJson } from './typed-value.ts';

export interface FileWatch {
  close(): void;
}

/** Calls back after a file changed, from when the watch stands. */
export type Watch = (path: string, onChange: () => void) => FileWatch | Promise<FileWatch>;

export interface EmbeddedOptions {
  readonly path: string;
  readonly keyField: string;
  readonly watch: Watch;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * Online store of one file in memory: JSON Lines or CSV. Reads are synchronous. When the file changes it is read anew,
 * and the new rows take the place of the old ones at once; a file that cannot be read leaves the old rows in place.
 */
export class EmbeddedStore implements OnlineStore {
  readonly #options: EmbeddedOptions;
  #rows: Rows = new Map();
  #watch: FileWatch | null = null;
  #isOpen = false;
  /** The reload that is under way; one that is asked for meanwhile comes after it. */
  #reload: Promise<void> | null = null;
  #isOutdated = false;
  #isHealthy = true;

  private constructor(options: EmbeddedOptions) {
    this.#options = options;
  }

  /** Rejects when the file cannot be read: there are no old rows yet that could stay. */
  static async open(options: EmbeddedOptions): Promise<EmbeddedStore> {
    const store = new EmbeddedStore(options);
    // Watched before it is read, so that no change falls between.
    store.#watch = await options.watch(options.path, () => store.#changed());
    try {
      store.#rows = await readRows(options.path, options.keyField);
    } catch (error) {
      store.#watch.close();
      throw error;
    }
    store.#isOpen = true;
    if (store.#isOutdated) store.#changed();
    return store;
  }

  read(reads: readonly EntityRead[], receiver: ReadReceiver): void {
    for (const read of reads) read.entity = readRow(read.view, this.#rows.get(read.key));
    receiver.onRead(null);
  }

  /** The rows are in memory already; nobody needs to cache them. */
  watch(): null {
    return null;
  }

  isHealthy(): boolean {
    return this.#isHealthy;
  }

  get size(): number {
    return this.#rows.size;
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    this.#watch?.close();
    this.#isOutdated = false;
    await this.#reload;
  }

  #changed(): void {
    this.#isOutdated = true;
    if (!this.#isOpen) return;
    this.#reload ??= this.#readAgain().finally(() => (this.#reload = null));
  }

  async #readAgain(): Promise<void> {
    const { path, keyField, logger, metrics } = this.#options;
    while (this.#isOutdated) {
      this.#isOutdated = false;
      try {
        this.#rows = await readRows(path, keyField);
        this.#isHealthy = true;
        logger.info({ path, rows: this.#rows.size }, 'the feature file was read again');
        metrics.counter('makas_feature_file_reads_total', 'ok').inc();
      } catch (error) {
        this.#isHealthy = false;
        logger.error({ path, error: messageOf(error) }, 'the feature file is broken; the old rows stay');
        metrics.counter('makas_feature_file_reads_total', 'failed').inc();
      }
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function readRow(view: FeatureView, row: Row | undefined): EntityValues {
  const values: (FeatureValue | undefined)[] = [];
  if (row === undefined) {
    for (let i = 0; i < view.fields.length; i++) values.push(undefined);
    return { found: false, values, timeMs: null, bad: [] };
  }
  const bad: string[] = [];
  for (const { name, type } of view.fields) {
    const value = Object.hasOwn(row, name) ? readJson(row[name], type) : undefined;
    if (value === undefined && Object.hasOwn(row, name)) bad.push(name);
    values.push(value);
  }
  const { timestamp } = view;
  let timeMs: number | null = null;
  if (timestamp !== null && Object.hasOwn(row, timestamp) && row[timestamp] !== null) {
    timeMs = readEventTime(row[timestamp]) ?? null;
    if (timeMs === null) bad.push(timestamp);
  }
  return { found: true, values, timeMs, bad };
}
