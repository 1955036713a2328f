import type { FrameCounts } from '../../protocol/http2/frame-receiver.ts';

/** How many frames of a kind are taken at once, and how many more each second. */
interface Allowance {
  readonly burst: number;
  readonly perSecond: number;
}

/**
 * Frames that cost more than they tell are limited because a client can send them faster than the work that they cause is
 * done (CVE-2019-9511 and those after it, CVE-2023-44487). Calls with short deadlines are many in a short time as well, so
 * the limits are far above what those need.
 */
const allowed = {
  settings: { burst: 100, perSecond: 10 },
  resets: { burst: 5000, perSecond: 1000 },
  errors: { burst: 200, perSecond: 20 },
  idle: { burst: 5000, perSecond: 1000 },
  pings: { burst: 2000, perSecond: 500 },
  windowUpdates: { burst: 10_000, perSecond: 5000 },
  refused: { burst: 1000, perSecond: 100 },
} as const satisfies Record<string, Allowance>;

/** Clients measure the network by a ping, and open windows, as they receive data: as many of those are no flood. */
const UPDATES_PER_FRAME = 10;

/** Knows when one connection sends too much of what has no use. */
export class FloodGuard {
  readonly #counts: FrameCounts;
  /** Streams beyond the limit that were begun all the same. */
  refused = 0;
  /** Frames of data that were sent, at the last look and now. */
  dataFrames = 0;
  #dataFramesThen = 0;

  constructor(counts: FrameCounts) {
    this.#counts = counts;
  }

  /** Whether there is too much of anything. */
  get isFlooded(): boolean {
    const counts = this.#counts;
    const frames = this.dataFrames - this.#dataFramesThen;
    return (
      counts.settings > allowed.settings.burst ||
      counts.resets > allowed.resets.burst ||
      counts.errors > allowed.errors.burst ||
      counts.idle > allowed.idle.burst ||
      counts.pings > allowed.pings.burst + frames ||
      counts.windowUpdates > allowed.windowUpdates.burst + UPDATES_PER_FRAME * frames ||
      this.refused > allowed.refused.burst
    );
  }

  /** So much time has passed. */
  look(passedMs: number): void {
    const counts = this.#counts;
    const seconds = passedMs / 1000;
    const frames = this.dataFrames - this.#dataFramesThen;
    this.#dataFramesThen = this.dataFrames;
    counts.settings = left(counts.settings, allowed.settings, seconds);
    counts.resets = left(counts.resets, allowed.resets, seconds);
    counts.errors = left(counts.errors, allowed.errors, seconds);
    counts.idle = left(counts.idle, allowed.idle, seconds);
    counts.pings = left(counts.pings - frames, allowed.pings, seconds);
    counts.windowUpdates = left(counts.windowUpdates - UPDATES_PER_FRAME * frames, allowed.windowUpdates, seconds);
    this.refused = left(this.refused, allowed.refused, seconds);
  }
}

function left(count: number, { perSecond }: Allowance, seconds: number): number {
  return Math.max(0, count - perSecond * seconds);
}
