/** What endpoint choice looks at. */
export interface Candidate {
  /** Requests under way. */
  readonly inflight: number;
  /** Steady milliseconds until which the endpoint is passed over after a failed connection; 0: it is not. */
  readonly downUntilMs: number;
}

/**
 * Power of two choices (Mitzenmacher 1996): of two different candidates drawn at random, the one with fewer requests
 * under way. Candidates that are down are passed over while another is up; when all are down, all are tried, because a
 * guess beats a certain failure. `exclude` is left out unless it is the only one. `draw` gives uniform numbers in
 * [0, 1). Returns an index, or -1 when there is no candidate.
 */
export function pickEndpoint(
  candidates: readonly Candidate[],
  nowMs: number,
  exclude: number,
  draw: () => number,
): number {
  const count = candidates.length;
  if (count <= 1) return count - 1;
  let usable = countUsable(candidates, nowMs, exclude);
  const ignoreDown = usable === 0;
  if (ignoreDown) usable = exclude >= 0 && exclude < count ? count - 1 : count;
  const first = nthUsable(candidates, nowMs, exclude, ignoreDown, Math.floor(draw() * usable));
  if (usable === 1) return first;
  let offset = 1 + Math.floor(draw() * (usable - 1));
  let second = first;
  while (offset > 0) {
    second = (second + 1) % count;
    if (isUsable(candidates[second] as Candidate, second, nowMs, exclude, ignoreDown)) offset--;
  }
  return (candidates[second] as Candidate).inflight < (candidates[first] as Candidate).inflight ? second : first;
}

function isUsable(candidate: Candidate, index: number, nowMs: number, exclude: number, ignoreDown: boolean): boolean {
  return index !== exclude && (ignoreDown || candidate.downUntilMs <= nowMs);
}

function countUsable(candidates: readonly Candidate[], nowMs: number, exclude: number): number {
  let usable = 0;
  for (let i = 0; i < candidates.length; i++)
    if (isUsable(candidates[i] as Candidate, i, nowMs, exclude, false)) usable++;
  return usable;
}

function nthUsable(
  candidates: readonly Candidate[],
  nowMs: number,
  exclude: number,
  ignoreDown: boolean,
  n: number,
): number {
  let left = n;
  for (let i = 0; i < candidates.length; i++) {
    if (!isUsable(candidates[i] as Candidate, i, nowMs, exclude, ignoreDown)) continue;
    if (left === 0) return i;
    left--;
  }
  return 0;
}
