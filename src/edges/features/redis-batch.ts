import { type ChainableCommander, Cluster, type Redis } from 'ioredis';

import type { FeatureView } from '../../core/snapshot.ts';
import type { EntityValues, FeatureRead } from '../../gateway/ports.ts';
import { type HashLayout, layOutHash, readReply } from './redis-reply.ts';
import { slotOf } from './redis-slot.ts';

/** Commands that may wait for their replies; more are refused, so that a silent Redis cannot fill the memory. */
const maxWaiting = 100_000;

/** One entity of one view, read once in a batch however often it is asked for. */
interface Slot {
  readonly layout: HashLayout;
  readonly key: string;
  entity: EntityValues | null;
  error: Error | null;
}

interface Layout extends HashLayout {
  /** Slots of the batch that is being collected, by key. */
  slots: Map<string, Slot>;
}

interface Waiting {
  readonly slots: readonly (readonly Slot[])[];
  readonly resolve: (entities: ReadonlyArray<readonly EntityValues[]>) => void;
  readonly reject: (error: Error) => void;
}

interface Batch {
  readonly slots: Slot[];
  readonly requests: Waiting[];
  readonly layouts: Set<Layout>;
  sentMs: number;
}

/**
 * Collects the reads of all requests that one turn of the event loop brings and sends them as one pipelined write (in a
 * Cluster: one for each node). The batch is flushed by setImmediate, which comes right after the sockets of the turn
 * have been read: a microtask would run after each socket and find one request only.
 */
export class FeatureBatcher {
  readonly #client: Redis | Cluster;
  readonly #layouts = new WeakMap<FeatureView, Layout>();
  readonly #unanswered = new Set<Batch>();
  #open: Batch | null = null;
  #waiting = 0;
  #onIdle: (() => void) | null = null;

  constructor(client: Redis | Cluster) {
    this.#client = client;
  }

  /** Resolves when no read is under way, or after `waitMs`. */
  async idle(waitMs: number): Promise<void> {
    if (this.#open === null && this.#unanswered.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, waitMs);
    this.#onIdle = resolve;
    await promise;
    clearTimeout(timer);
  }

  /** How long the oldest batch has been waiting for its reply, milliseconds. */
  waitedMs(nowMs: number): number {
    for (const batch of this.#unanswered) return nowMs - batch.sentMs;
    return 0;
  }

  read(reads: readonly FeatureRead[]): Promise<ReadonlyArray<readonly EntityValues[]>> {
    if (this.#waiting > maxWaiting) return Promise.reject(new Error('too many reads are waiting for Redis'));
    const batch = (this.#open ??= this.#start());
    return new Promise((resolve, reject) => {
      batch.requests.push({ slots: reads.map((read) => this.#collect(batch, read)), resolve, reject });
    });
  }

  #start(): Batch {
    setImmediate(() => this.#flush());
    return { slots: [], requests: [], layouts: new Set(), sentMs: 0 };
  }

  #collect(batch: Batch, read: FeatureRead): readonly Slot[] {
    let layout = this.#layouts.get(read.view);
    if (layout === undefined) {
      layout = { ...layOutHash(read.view), slots: new Map() };
      this.#layouts.set(read.view, layout);
    }
    batch.layouts.add(layout);
    const slots: Slot[] = [];
    for (const key of read.keys) {
      let slot = layout.slots.get(key);
      if (slot === undefined) {
        slot = { layout, key, entity: null, error: null };
        layout.slots.set(key, slot);
        batch.slots.push(slot);
      }
      slots.push(slot);
    }
    return slots;
  }

  #flush(): void {
    const batch = this.#open;
    this.#open = null;
    if (batch === null) return;
    for (const layout of batch.layouts) layout.slots = new Map();
    this.#waiting += batch.slots.length;
    batch.sentMs = performance.now();
    this.#unanswered.add(batch);
    const client = this.#client;
    const groups = client instanceof Cluster ? groupByOwner(client, batch.slots) : [batch.slots];
    void Promise.all(groups.map((slots) => send(client.pipeline(), slots))).then(() => {
      this.#waiting -= batch.slots.length;
      this.#unanswered.delete(batch);
      for (const request of batch.requests) answer(request);
      if (this.#open === null && this.#unanswered.size === 0) this.#onIdle?.();
    });
  }
}

/** The slots by the nodes that own their keys: a pipeline can go to one node only. */
function groupByOwner(cluster: Cluster, slots: readonly Slot[]): Slot[][] {
  // Public in the class but not in its types; ioredis itself routes pipelines by it.
  const owners: unknown = Reflect.get(cluster, 'slots');
  const groups = new Map<string, Slot[]>();
  for (const slot of slots) {
    const nodes: unknown = Array.isArray(owners) ? owners[slotOf(slot.key)] : undefined;
    const owner = Array.isArray(nodes) ? nodes.join(';') : '';
    const group = groups.get(owner);
    if (group === undefined) groups.set(owner, [slot]);
    else group.push(slot);
  }
  return [...groups.values()];
}

/** Never rejects: a failure is kept in the slots that it concerns. */
async function send(pipeline: ChainableCommander, slots: readonly Slot[]): Promise<void> {
  for (const slot of slots) pipeline.hmget(slot.key, ...slot.layout.names);
  let replies: [Error | null, unknown][] | null = null;
  let failure = new Error('the pipeline was given up');
  try {
    replies = await pipeline.exec();
  } catch (error) {
    if (error instanceof Error) failure = error;
  }
  for (const [i, slot] of slots.entries()) {
    const [error, reply] = replies?.[i] ?? [failure, null];
    if (error === null) slot.entity = readReply(slot.layout, reply);
    else if (error.message.startsWith('WRONGTYPE')) slot.entity = slot.layout.broken;
    else slot.error = error;
  }
}

/** A request fails when nothing could be read for it; else what could not be read is reported as unreadable. */
function answer(request: Waiting): void {
  let error: Error | null = null;
  let isAnyRead = false;
  for (const slots of request.slots) {
    for (const slot of slots) {
      if (slot.error === null) isAnyRead = true;
      else error = slot.error;
    }
  }
  if (error !== null && !isAnyRead) request.reject(error);
  else request.resolve(request.slots.map((slots) => slots.map((slot) => slot.entity ?? slot.layout.broken)));
}
