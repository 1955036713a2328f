import type { FeatureView } from '../../core/snapshot.ts';
import type { EntityRead, EntityValues, ReadReceiver } from '../../gateway/ports.ts';
import type { Asked } from '../redis/resp-asking.ts';
import { type RespCursor, RespFailure } from '../redis/resp-cursor.ts';
import { type HashLayout, layOutHash } from './hash-layout.ts';
import { readHashReply } from './hash-reply.ts';

/** Commands that may wait for their replies; more are refused, so that a silent Redis cannot fill the memory. */
const maxWaiting = 100_000;

/** One request's read of several entities. It fails when none of them could be read. */
class Request {
  readonly #receiver: ReadReceiver;
  #left: number;
  #isAnyRead = false;
  #error: Error | null = null;

  constructor(receiver: ReadReceiver, left: number) {
    this.#receiver = receiver;
    this.#left = left;
  }

  take(error: Error | null): void {
    if (error === null) this.#isAnyRead = true;
    else this.#error = error;
    if (--this.#left === 0) this.#receiver.onRead(this.#isAnyRead ? null : this.#error);
  }
}

/** One HMGET: one entity of one view, read once in a turn of the loop however often it is asked for. */
export class HashAsk implements Asked {
  readonly layout: HashLayout;
  readonly key: string;
  readonly #reads: EntityRead[] = [];
  readonly #requests: Request[] = [];
  #reply: EntityValues | RespFailure | undefined;

  constructor(layout: HashLayout, key: string) {
    this.layout = layout;
    this.key = key;
  }

  join(read: EntityRead, request: Request): void {
    this.#reads.push(read);
    this.#requests.push(request);
  }

  read(cursor: RespCursor): boolean {
    this.#reply = readHashReply(cursor, this.layout);
    return this.#reply !== undefined;
  }

  deliver(): void {
    const reply = this.#reply;
    if (reply === undefined || reply instanceof RespFailure) this.fail(reply ?? new Error('Redis sent nothing'));
    else this.answer(reply);
  }

  answer(entity: EntityValues): void {
    this.#settle(entity, null);
  }

  /** An entity that could not be read is unreadable where others of the request could. */
  fail(error: Error): void {
    this.#settle(this.layout.broken, error);
  }

  #settle(entity: EntityValues, error: Error | null): void {
    for (let i = 0; i < this.#reads.length; i++) {
      this.#reads[i]!.entity = entity;
      this.#requests[i]!.take(error);
    }
  }
}

interface Layout extends HashLayout {
  /**
   * Asks of the turn that is being collected, by key. A map for each turn: one that is emptied and filled again leaves a
   * chain of its former tables behind, by which one that has grown old keeps all that came after it from being collected
   * young.
   */
  asks: Map<string, HashAsk> | null;
}

/**
 * Collects the reads of all requests that one turn of the event loop brings, to be sent as one pipelined write. It is
 * flushed by setImmediate, which comes right after the sockets of the turn have been read: a microtask would run after
 * each socket and find one request only.
 */
export class HashAsks {
  readonly #layouts = new WeakMap<FeatureView, Layout>();
  readonly #send: (asks: readonly HashAsk[]) => void;
  readonly #flush = () => this.flush();
  #open: HashAsk[] = [];
  /** Layouts with asks. */
  #touched: Layout[] = [];

  /** `send` gets the asks of each turn; it must answer every one. */
  constructor(send: (asks: readonly HashAsk[]) => void) {
    this.#send = send;
  }

  /** `owed`: commands that wait for their replies already. */
  read(reads: readonly EntityRead[], receiver: ReadReceiver, owed: number): void {
    if (owed + this.#open.length > maxWaiting) {
      return receiver.onRead(new Error('too many reads are waiting for Redis'));
    }
    const request = new Request(receiver, reads.length);
    for (const read of reads) this.#collect(read).join(read, request);
  }

  flush(): void {
    const asks = this.#open;
    if (asks.length === 0) return;
    this.#open = [];
    for (const layout of this.#touched) layout.asks = null;
    this.#touched = [];
    this.#send(asks);
  }

  #collect({ view, key }: EntityRead): HashAsk {
    let layout = this.#layouts.get(view);
    if (layout === undefined) this.#layouts.set(view, (layout = { ...layOutHash(view), asks: null }));
    if (layout.asks === null) {
      layout.asks = new Map();
      this.#touched.push(layout);
    }
    let ask = layout.asks.get(key);
    if (ask !== undefined) return ask;
    ask = new HashAsk(layout, key);
    layout.asks.set(key, ask);
    if (this.#open.push(ask) === 1) setImmediate(this.#flush);
    return ask;
  }
}
