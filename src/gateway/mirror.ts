import type { Route, Rule, Shadow, Snapshot } from '../core/snapshot.ts';
import { canServe } from '../protocol/translate/table.ts';
import { isWhole, type Exchange } from './exchange.ts';
import { MirrorTicket } from './mirror-ticket.ts';
import type { Clock, Logger, Metrics, Upstream } from './ports.ts';
import { ShadowCopy } from './shadow-copy.ts';
import { ShadowJudge } from './shadow-judge.ts';
import { ShadowLane, type ShadowLanePorts } from './shadow-lane.ts';
import { shadowEndpoints } from './shadow-request.ts';
import { ShadowTally, type DropReason, type ShadowCounts } from './shadow-tally.ts';

export type { MirrorTicket } from './mirror-ticket.ts';

export interface MirrorPorts {
  readonly upstream: Upstream;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** What one shadow did since its counts began. */
export interface ShadowDescription extends Readonly<Omit<ShadowCounts, 'differenceMs' | 'differences'>> {
  readonly route: string;
  readonly rule: string;
  readonly backend: string;
  readonly share: number;
  readonly inflight: number;
  readonly queued: number;
  /** Mean of (duration at the shadow minus duration at the primary); null before the first pair. */
  readonly meanLatencyDifferenceMs: number | null;
}

const NO_COPIES = new MirrorTicket([], null);

/** Mirrors requests to shadows. Copies never delay, fail or change an answer: they leave in a later turn of the event loop. */
export class Mirror {
  readonly #ports: MirrorPorts;
  readonly #lanePorts: ShadowLanePorts;
  readonly #judge: ShadowJudge;
  /** Lanes of the live snapshot, by route, rule and backend. */
  #lanes: ReadonlyMap<string, ShadowLane> = new Map();
  /** Requests of retired snapshots find their lanes too. */
  readonly #laneOf = new WeakMap<Shadow, ShadowLane>();
  /** Lanes with copies, those included that a reload took away. */
  readonly #busy: ShadowLane[] = [];
  /** Tickets whose copies leave in a later turn. */
  #planned = 0;
  #isDraining = false;
  #onIdle: (() => void) | null = null;

  constructor(ports: MirrorPorts) {
    this.#ports = ports;
    this.#judge = new ShadowJudge(ports.clock, ports.logger);
    this.#lanePorts = { ...ports, onBusy: (lane, isBusy) => this.#setBusy(lane, isBusy) };
  }

  /** Lanes whose shadow is in the new snapshot too go on with what they have; the others end what they have. */
  adopt(snapshot: Snapshot): void {
    const lanes = new Map<string, ShadowLane>();
    for (const route of snapshot.routes) {
      for (const rule of route.rules) {
        for (const shadow of rule.shadows) this.#adoptShadow(lanes, route, rule, shadow);
      }
    }
    this.#lanes = lanes;
  }

  /** Prepares the copies of a request; its body is the one that the primary gets, and must not change afterwards. */
  open(shadows: readonly Shadow[], exchange: Exchange): MirrorTicket {
    try {
      const copies: ShadowCopy[] = [];
      for (const shadow of shadows) {
        const copy = this.#copy(shadow, exchange);
        if (copy !== null) copies.push(copy);
      }
      if (copies.length === 0) return NO_COPIES;
      const ticket = new MirrorTicket(copies, {
        exchange,
        clock: this.#ports.clock,
        later: (work) => this.#later(work),
        isDraining: () => this.#isDraining,
      });
      ticket.startImmediate();
      return ticket;
    } catch (error) {
      this.#ports.logger.error({ err: error, requestId: exchange.facts.requestId }, 'a request could not be mirrored');
      return NO_COPIES;
    }
  }

  /** Ids of the pools that copies use: what an upstream must retain beside the pools of the snapshots. */
  poolIds(): Set<string> {
    const ids = new Set<string>();
    for (const lane of [...this.#lanes.values(), ...this.#busy]) {
      for (const endpoint of shadowEndpoints(lane.shadow.backend)) ids.add(endpoint.id);
    }
    return ids;
  }

  describe(): ShadowDescription[] {
    return Array.from(this.#lanes.values(), describeLane);
  }

  /** Takes no more copies, and waits for those under way; what is left after the limit is dropped. */
  async drain(limitMs: number): Promise<void> {
    this.#isDraining = true;
    if (!this.#isIdle()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, limitMs);
      this.#onIdle = resolve;
      await promise;
      clearTimeout(timer);
      this.#onIdle = null;
    }
    this.close();
  }

  /** Stops every copy at once. */
  close(): void {
    this.#isDraining = true;
    // A lane that has stopped leaves the list.
    for (const lane of this.#busy.slice()) lane.stop();
  }

  #adoptShadow(lanes: Map<string, ShadowLane>, route: Route, rule: Rule, shadow: Shadow): void {
    const { name } = shadow.backend;
    let key = JSON.stringify([route.name, rule.name, name]);
    // The same backend may be named more than once, say with other shares.
    while (lanes.has(key)) key += '+';
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      const tally = new ShadowTally(this.#ports.metrics, route.name, name);
      lane = new ShadowLane(this.#lanePorts, tally, this.#judge, route, rule, shadow);
    } else {
      lane.update(route, rule, shadow);
    }
    lanes.set(key, lane);
    this.#laneOf.set(shadow, lane);
  }

  /** Null when there is nothing to send, which is counted. */
  #copy(shadow: Shadow, exchange: Exchange): ShadowCopy | null {
    const lane = this.#laneOf.get(shadow);
    if (lane === undefined) return null;
    const reason = this.#refusal(shadow, exchange);
    if (reason !== null) {
      lane.tally.dropped(reason);
      return null;
    }
    const { facts, record } = exchange;
    const origin = {
      requestId: facts.requestId,
      protocol: record.assignment?.backend.protocol ?? facts.protocol,
      route: record.route?.name ?? '',
      rule: record.rule?.name ?? '',
      primary: record.assignment?.backend.name ?? '',
      shadow,
    };
    return new ShadowCopy(lane, origin, exchange);
  }

  #refusal(shadow: Shadow, { body, facts }: Exchange): DropReason | null {
    if (this.#isDraining) return 'draining';
    if (!isWhole(body)) return 'streamed';
    if (body !== null && body.length > shadow.maxBodyBytes) return 'body_too_large';
    const { protocol } = shadow.backend;
    return canServe(protocol, facts.protocol) ? null : 'protocol';
  }

  #later(work: () => void): void {
    this.#planned++;
    setImmediate(() => {
      try {
        work();
      } catch (error) {
        this.#ports.logger.error({ err: error }, 'the copies of a request failed unexpectedly');
      }
      this.#planned--;
      this.#tellIdle();
    });
  }

  #setBusy(lane: ShadowLane, isBusy: boolean): void {
    if (isBusy) this.#busy.push(lane);
    else this.#busy.splice(this.#busy.indexOf(lane), 1);
    this.#tellIdle();
  }

  #isIdle(): boolean {
    return this.#planned === 0 && this.#busy.length === 0;
  }

  #tellIdle(): void {
    if (this.#isIdle()) this.#onIdle?.();
  }
}

function describeLane(lane: ShadowLane): ShadowDescription {
  const { differenceMs, differences, ...counts } = lane.tally.counts;
  return {
    route: lane.route.name,
    rule: lane.rule.name,
    backend: lane.shadow.backend.name,
    share: lane.shadow.share,
    inflight: lane.inflight,
    queued: lane.queued,
    ...counts,
    dropped: { ...counts.dropped },
    meanLatencyDifferenceMs: differences === 0 ? null : differenceMs / differences,
  };
}
