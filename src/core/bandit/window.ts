/** Decisions are counted in windows of their time, so that those without a reward are known without state for each. */
export interface Window {
  /** Milliseconds since the epoch, a multiple of `lengthMs`. */
  readonly startMs: number;
  readonly lengthMs: number;
}

/** Times that tell whether a reward may still be counted, all in milliseconds (since the epoch, but for the wait). */
export interface RewardTimes {
  readonly decisionMs: number;
  /** When the outcome was seen. */
  readonly eventMs: number;
  /** When the reward arrived. */
  readonly nowMs: number;
  readonly waitMs: number;
}

const LADDER_MS = [1_000, 10_000, 60_000, 600_000, 3_600_000] as const;
/** A window is at most this part of the wait, so that a default reward comes at most 5 % later than it could. */
const WINDOWS_PER_WAIT = 20;

/** Length of the windows for a reward wait: the longest step of the ladder up to a 20th of it, and at least 1 s. */
export function windowLengthMs(waitMs: number): number {
  return LADDER_MS.findLast((length) => length <= waitMs / WINDOWS_PER_WAIT) ?? LADDER_MS[0];
}

/** The window that holds a time. Replicas agree on it, because windows start at multiples of their length. */
export function windowOf(timeMs: number, waitMs: number): Window {
  const lengthMs = windowLengthMs(waitMs);
  return { startMs: Math.floor(timeMs / lengthMs) * lengthMs, lengthMs };
}

/**
 * Tolerance after the wait, milliseconds: for the clocks of replicas and the way of a reward. A tenth of the wait,
 * between 1 s and 1 min.
 */
export function graceMs(waitMs: number): number {
  return Math.min(60_000, Math.max(1_000, waitMs / 10));
}

/** Windows that end at or before this time are over: every reward for them was seen or is late. */
export function closableBeforeMs(nowMs: number, waitMs: number): number {
  return nowMs - waitMs - graceMs(waitMs);
}

/**
 * Whether a reward comes too late. The outcome must be seen within the wait and grace after the decision; one that was
 * seen in time (`at`) may arrive by one further wait later, as long as its decision is surely remembered.
 */
export function isLate({ decisionMs, eventMs, nowMs, waitMs }: RewardTimes): boolean {
  const latest = decisionMs + waitMs + graceMs(waitMs);
  return eventMs > latest || nowMs > latest + waitMs;
}

/**
 * How long from now a rewarded decision must be remembered, milliseconds, so that a second reward is recognized as long
 * as `isLate` lets one through, on replicas whose clocks differ by up to the grace.
 */
export function rememberMs(decisionMs: number, nowMs: number, waitMs: number): number {
  const horizon = decisionMs + windowLengthMs(waitMs) + 2 * (waitMs + graceMs(waitMs));
  return Math.max(horizon - nowMs, waitMs + graceMs(waitMs));
}
