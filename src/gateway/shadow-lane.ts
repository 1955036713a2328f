import { createDraws } from '../core/draws.ts';
import { murmur3 } from '../core/hash.ts';
import { pickEndpoint } from '../core/pick.ts';
import type { Route, Rule, Shadow } from '../core/snapshot.ts';
import type { Clock, EndpointPool, Logger, Upstream } from './ports.ts';
import type { ShadowCopy } from './shadow-copy.ts';
import type { ShadowJudge } from './shadow-judge.ts';
import { shadowEndpoints } from './shadow-request.ts';
import type { CopyResult, ShadowTally } from './shadow-tally.ts';

/** Bodies and answers that wait for one shadow. */
const HELD_BYTES_MAX = 64 * 1024 * 1024;
/** Copies taken from the queue in one turn of the event loop; answers come first. */
const TAKEN_PER_TURN = 16;

export interface ShadowLanePorts {
  readonly upstream: Upstream;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called when the lane gets its first copy, and when the last one has ended. */
  onBusy(lane: ShadowLane, isBusy: boolean): void;
}

/**
 * The way of copies to one shadow of one rule: at most `concurrency` are under way, at most `queue` wait, the rest is
 * dropped. Nothing that a shadow does reaches beyond its lane.
 */
export class ShadowLane {
  readonly ports: ShadowLanePorts;
  readonly tally: ShadowTally;
  readonly judge: ShadowJudge;
  route: Route;
  rule: Rule;
  shadow: Shadow;
  /** First in, first out, from `#head` on; copies cancelled meanwhile keep their place until it is their turn. */
  #queue: ShadowCopy[] = [];
  #head = 0;
  #queued = 0;
  #heldBytes = 0;
  /**
   * Copies under way, each at its `sentAt`. Not a set: one with so much coming and going leaves a chain of its former tables
   * behind, which keeps dead copies, and their requests, from being collected young.
   */
  readonly #sent: ShadowCopy[] = [];
  #isBusy = false;
  #isTaking = false;
  #isTurnPlanned = false;

  constructor(
    ports: ShadowLanePorts,
    tally: ShadowTally,
    judge: ShadowJudge,
    route: Route,
    rule: Rule,
    shadow: Shadow,
  ) {
    this.ports = ports;
    this.tally = tally;
    this.judge = judge;
    this.route = route;
    this.rule = rule;
    this.shadow = shadow;
  }

  get inflight(): number {
    return this.#sent.length;
  }

  get queued(): number {
    return this.#queued;
  }

  /** Goes on with the settings of a new snapshot. Counts restart when they would mix answers to different questions. */
  update(route: Route, rule: Rule, shadow: Shadow): void {
    if (questionOf(shadow) !== questionOf(this.shadow)) this.tally.restart();
    this.route = route;
    this.rule = rule;
    this.shadow = shadow;
    this.#take();
  }

  /** Sends the copy, queues it, or drops it. */
  offer(copy: ShadowCopy): void {
    if (this.#queued === 0 && this.#sent.length < this.shadow.concurrency) this.#start(copy);
    else if (this.#queue.length - this.#head >= this.shadow.queue || !copy.enqueue(this.ports.clock.steady())) {
      copy.drop('queue_full');
    } else {
      this.#queue.push(copy);
      this.#queued++;
      this.tally.queued(1);
    }
    this.#settle();
  }

  /** A copy in the queue was sent or dropped. */
  unqueued(): void {
    this.#queued--;
    this.tally.queued(-1);
    this.#settle();
  }

  /** A copy that was sent has ended; null: it was stopped. */
  sendEnded(copy: ShadowCopy, result: CopyResult | null): void {
    this.#removeSent(copy);
    this.tally.ended(result);
    this.#take();
  }

  /** Ends every copy at once. */
  stop(): void {
    const copies = this.#queue.slice(this.#head);
    this.#queue = [];
    this.#head = 0;
    for (const copy of copies) copy.drop('draining');
    // A copy that has stopped leaves the list.
    for (const copy of this.#sent.slice()) copy.stop();
  }

  /** False when the lane holds too many bytes already. */
  hold(bytes: number): boolean {
    if (this.#heldBytes > 0 && this.#heldBytes + bytes > HELD_BYTES_MAX) return false;
    this.#heldBytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#heldBytes -= bytes;
  }

  /** Starts what may start. Not reentrant: a copy that fails at once must not start the next one on its own stack. */
  #take(): void {
    if (this.#isTaking) return;
    this.#isTaking = true;
    const nowMs = this.ports.clock.steady();
    let taken = 0;
    while (this.#head < this.#queue.length && this.#sent.length < this.shadow.concurrency) {
      if (taken++ === TAKEN_PER_TURN) {
        this.#planTurn();
        break;
      }
      const copy = this.#queue[this.#head++]!;
      if (!copy.isQueued) continue;
      if (copy.isTooLate(nowMs)) {
        copy.drop('deadline');
        continue;
      }
      this.#start(copy);
    }
    this.#compact();
    this.#isTaking = false;
    this.#settle();
  }

  #planTurn(): void {
    if (this.#isTurnPlanned) return;
    this.#isTurnPlanned = true;
    setImmediate(() => {
      this.#isTurnPlanned = false;
      this.#take();
    });
  }

  /** Frees the places before the head, seldom enough to cost nothing. */
  #compact(): void {
    if (this.#head === this.#queue.length) this.#queue = [];
    else if (this.#head < 64 || this.#head * 2 < this.#queue.length) return;
    else this.#queue.splice(0, this.#head);
    this.#head = 0;
  }

  #start(copy: ShadowCopy): void {
    try {
      const pool = this.#pick(copy);
      if (pool === undefined) return copy.drop('no_endpoint');
      copy.sentAt = this.#sent.push(copy) - 1;
      this.tally.sent();
      copy.send(pool);
    } catch (error) {
      this.ports.logger.error({ err: error, requestId: copy.requestId }, 'a copy for a shadow could not be sent');
      if (copy.sentAt !== -1) copy.fail();
      else copy.drop('no_endpoint');
    }
  }

  /** Pools are asked for anew each time, because a reload may have closed those that nobody used. */
  #pick(copy: ShadowCopy): EndpointPool | undefined {
    const { upstream, clock } = this.ports;
    const { backend } = copy.shadow;
    const pools = shadowEndpoints(backend).map((endpoint) => upstream.pool(endpoint, backend.connection));
    return pools[pickEndpoint(pools, clock.steady(), -1, createDraws(murmur3(copy.requestId)))];
  }

  #settle(): void {
    const isBusy = this.#queued > 0 || this.#sent.length > 0;
    if (isBusy === this.#isBusy) return;
    this.#isBusy = isBusy;
    this.ports.onBusy(this, isBusy);
  }

  /** The last one takes its place. */
  #removeSent(copy: ShadowCopy): void {
    const at = copy.sentAt;
    const last = this.#sent.pop();
    copy.sentAt = -1;
    if (last === undefined || last === copy) return;
    this.#sent[at] = last;
    last.sentAt = at;
  }
}

/** What the counts of a lane are about: who answers, and what counts as agreement. */
function questionOf({ backend, compare }: Shadow): string {
  return JSON.stringify([backend.endpoints, backend.model, backend.version, backend.protocol, compare]);
}
