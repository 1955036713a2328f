import type { ConnectionSettings, Endpoint } from '../../core/snapshot.ts';
import type { EndpointPool } from '../../gateway/ports.ts';
import { AnswerFieldReader } from './answer-fields.ts';
import type { Connect, Session, SessionOwner } from '../http2/client-side.ts';
import { STREAMS_UNANNOUNCED } from '../http2/stream-limit.ts';
import type { CallPool, GrpcUpstreamCall } from './upstream-call.ts';

/** How long sessions that are no longer used may take to end what is under way. */
const CLOSE_LIMIT_MS = 60_000;
/**
 * Calls under way at once on one session from which on another one shares the load. What leaves and comes together costs
 * the least, on both sides; but servers work off a connection in one thread, and what is lost on the way holds up all
 * calls that share it. Large bodies need others sooner, since most servers let only 64 KiB be under way on a connection.
 */
const TOGETHER = 64;
/** How exactly idle sessions are timed. */
const SWEEP_MS = 250;

/** A session, and what its pool knows of it. */
class Member implements SessionOwner {
  readonly session: Session;
  /** In the order of their making. */
  readonly serial: number;
  isReady = false;
  /** Whether a call began on it since the last sweep, and the sweeps that it has left when none does. */
  wasUsed = true;
  sweepsLeft = 0;
  readonly #pool: EndpointSessions;

  constructor(pool: EndpointSessions, serial: number, connect: Connect) {
    this.#pool = pool;
    this.serial = serial;
    this.session = connect(this);
  }

  onRoom(): void {
    this.#pool.onRoom(this);
  }

  onLeaving(): void {
    this.#pool.onLeaving(this);
  }

  onGone(reason: string | null): void {
    this.#pool.onGone(this, reason);
  }
}

/**
 * The sessions to one endpoint, and the line of calls that wait for room in one. Calls share a session until there are
 * many on it, and wait only when no session has room and no other one may be made.
 */
export class EndpointSessions implements EndpointPool, CallPool {
  readonly endpoint: Endpoint;
  inflight = 0;
  downUntilMs = 0;
  readonly maxAnswerBytes: number;
  readonly heads = new AnswerFieldReader();
  readonly trailers = new AnswerFieldReader();
  readonly #settings: ConnectionSettings;
  readonly #connect: Connect;
  /** Those that take calls, or will, the oldest first. */
  readonly #members: Member[] = [];
  /** Those that only end what is under way. */
  readonly #leaving = new Set<Member>();
  readonly #line = new Set<GrpcUpstreamCall>();
  /** Idle sessions are timed by counting sweeps: no timer is set for a call. */
  readonly #sweepMs: number;
  #sweeper: NodeJS.Timeout | null = null;
  #serial = 0;
  /** Whether a session may be made to share the load: not at once again when that failed. */
  #maySpread = true;
  /** Sessions before this one may be as dead as the last that died: calls that are sent again go on younger ones. */
  #freshFrom = 0;
  #isClosing = false;
  #onClosed: (() => void) | null = null;

  constructor(endpoint: Endpoint, settings: ConnectionSettings, connect: Connect) {
    this.endpoint = endpoint;
    this.maxAnswerBytes = settings.maxAnswerBytes;
    this.#settings = settings;
    this.#connect = connect;
    this.#sweepMs = Math.max(1, Math.min(SWEEP_MS, settings.keepAliveMs));
  }

  /** Sends a call, now or when there is room for it. */
  take(call: GrpcUpstreamCall): void {
    const member = this.#find(call);
    if (member !== null) return begin(call, member);
    if (this.#line.size >= this.#settings.queue && !this.#mayConnect())
      return call.refuse('UPSTREAM_OVERLOADED', 'too many calls wait for a connection');
    this.#line.add(call);
    this.#connectMore();
  }

  leave(call: GrpcUpstreamCall): void {
    this.#line.delete(call);
  }

  /** This and what follows is called by the members. */
  onRoom(member: Member): void {
    member.isReady = true;
    if (this.#line.size > 0) this.#advance(member);
    if (this.#isClosing && member.session.calls === 0) member.session.close();
  }

  onLeaving(member: Member): void {
    if (!this.#forget(member)) return;
    this.#leaving.add(member);
    this.#connectMore();
  }

  onGone(member: Member, reason: string | null): void {
    const wasUsed = this.#forget(member);
    this.#leaving.delete(member);
    this.#maySpread = reason === null;
    if (reason === null) this.#freshFrom = this.#serial;
    else if (wasUsed && this.#members.length === 0) this.#refuseAll(reason);
    if (this.#isClosing && this.#isEmpty()) this.#onClosed?.();
    // Where one cannot be made another cannot either; those who wait get what the others have.
    else if (reason === null) this.#connectMore();
  }

  /** Ends what is under way, then closes the sessions. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const { isReady, session } of this.#members.slice()) if (isReady && session.calls === 0) session.close();
    if (this.#isEmpty()) return;
    const timer = setTimeout(() => this.#giveUp(), CLOSE_LIMIT_MS).unref();
    await new Promise<void>((resolve) => (this.#onClosed = resolve));
    clearTimeout(timer);
  }

  /**
   * The first session that has few calls and lets this one's body through at once, so that those which are too many become
   * idle; else that with the fewest calls.
   */
  #find(call: GrpcUpstreamCall): Member | null {
    const { bodyBytes } = call;
    const members = this.#members;
    let fewest: Member | null = null;
    for (let i = 0; i < members.length; i++) {
      const member = members[i]!;
      const { session } = member;
      if (!member.isReady || session.room === 0 || !this.#suits(call, member)) continue;
      if (session.calls === 0 || (session.calls < TOGETHER && session.fits(bodyBytes))) return member;
      if (fewest === null || session.calls < fewest.session.calls) fewest = member;
    }
    if (fewest !== null) this.#spread();
    return fewest;
  }

  /** All sessions have much to do: makes another one, if none is being made. */
  #spread(): void {
    if (this.#maySpread && this.#mayConnect() && this.#members.every(({ isReady }) => isReady)) this.#add();
  }

  #suits({ request }: GrpcUpstreamCall, { serial }: Member): boolean {
    return !request.isFresh || serial >= this.#freshFrom || !this.#mayConnect();
  }

  /** A session has room for those who wait. */
  #advance(member: Member): void {
    for (const call of this.#line) {
      if (member.session.room === 0) break;
      if (!this.#suits(call, member)) continue;
      this.#line.delete(call);
      begin(call, member);
    }
    this.#connectMore();
  }

  /** As many sessions as those who wait need, if those that are being made turn out to say nothing of a limit. */
  #connectMore(): void {
    let expected = 0;
    for (const { isReady } of this.#members) if (!isReady) expected += STREAMS_UNANNOUNCED;
    while (this.#line.size > expected && this.#mayConnect()) {
      this.#add();
      expected += STREAMS_UNANNOUNCED;
    }
  }

  #add(): void {
    this.#members.push(new Member(this, this.#serial++, this.#connect));
    this.#sweeper ??= setTimeout(sweep, this.#sweepMs, this).unref();
  }

  #mayConnect(): boolean {
    return this.#members.length < this.#settings.connections;
  }

  #forget(member: Member): boolean {
    const index = this.#members.indexOf(member);
    if (index !== -1) this.#members.splice(index, 1);
    return index !== -1;
  }

  #refuseAll(reason: string): void {
    const line = [...this.#line];
    this.#line.clear();
    for (const call of line) call.refuse('UPSTREAM_CONNECT', reason);
  }

  #isEmpty(): boolean {
    return this.#members.length === 0 && this.#leaving.size === 0 && this.#line.size === 0;
  }

  #giveUp(): void {
    this.#refuseAll('the pool is closed');
    for (const { session } of [...this.#members, ...this.#leaving]) session.destroy();
  }

  /** Closes the sessions that were idle for as long as they may, and goes on while there are sessions. */
  sweep(): void {
    this.#maySpread = true;
    for (const member of this.#members.slice()) {
      if (member.wasUsed || !member.isReady || member.session.calls > 0) {
        member.wasUsed = false;
        member.sweepsLeft = Math.floor(this.#settings.keepAliveMs / this.#sweepMs);
      } else if (--member.sweepsLeft <= 0) member.session.close();
    }
    if (this.#members.length > 0) this.#sweeper?.refresh();
    else this.#sweeper = null;
  }
}

function begin(call: GrpcUpstreamCall, member: Member): void {
  member.wasUsed = true;
  call.begin(member.session);
}

function sweep(sessions: EndpointSessions): void {
  sessions.sweep();
}
