import { describeBackends, type BackendDescription } from '../gateway/admin-view.ts';
import type { Snapshot } from '../core/snapshot.ts';
import type { ShadowDescription } from '../gateway/mirror.ts';

/** The backends of a snapshot with what the endpoints do in all workers: up when every worker chooses them. */
export function sumBackends(
  snapshot: Snapshot,
  ofWorkers: ReadonlyArray<readonly BackendDescription[]>,
): BackendDescription[] {
  const seen = new Map<string, { up: boolean; inflight: number }>();
  for (const { name, endpoints } of ofWorkers.flat()) {
    for (const { address, up, inflight } of endpoints) {
      const key = JSON.stringify([name, address]);
      const sum = seen.get(key);
      seen.set(key, { up: up && (sum?.up ?? true), inflight: inflight + (sum?.inflight ?? 0) });
    }
  }
  const none = { up: true, inflight: 0 };
  const idle = describeBackends(
    {
      snapshot,
      poolsOf: (backend) => backend.endpoints.map((endpoint) => ({ endpoint, inflight: 0, downUntilMs: 0 })),
    },
    0,
  );
  return idle.map((backend) => ({
    ...backend,
    endpoints: backend.endpoints.map(({ address }) => ({
      address,
      ...(seen.get(JSON.stringify([backend.name, address])) ?? none),
    })),
  }));
}

/**
 * What shadows did in all workers. The mean difference of the latencies is weighted by the copies that were answered,
 * which is very nearly those that it was taken of.
 */
export function sumShadows(ofWorkers: ReadonlyArray<readonly ShadowDescription[]>): ShadowDescription[] {
  const sums = new Map<string, ShadowDescription[]>();
  for (const shadows of ofWorkers) {
    const nth = new Map<string, number>();
    for (const shadow of shadows) {
      const name = JSON.stringify([shadow.route, shadow.rule, shadow.backend]);
      // The same backend may be named more than once in one rule.
      const n = nth.get(name) ?? 0;
      nth.set(name, n + 1);
      const key = `${name}${n}`;
      const known = sums.get(key);
      if (known === undefined) sums.set(key, [shadow]);
      else known.push(shadow);
    }
  }
  return Array.from(sums.values(), addUp);
}

function addUp(all: readonly ShadowDescription[]): ShadowDescription {
  const [first] = all as readonly [ShadowDescription];
  const sum = (of: (shadow: ShadowDescription) => number): number => all.reduce((total, each) => total + of(each), 0);
  const dropped = { ...first.dropped };
  for (const reason of Object.keys(dropped) as (keyof typeof dropped)[])
    dropped[reason] = sum((each) => each.dropped[reason]);
  const measured = all.filter(({ meanLatencyDifferenceMs }) => meanLatencyDifferenceMs !== null);
  const weight = measured.reduce((total, { ok }) => total + Math.max(1, ok), 0);
  const weighted = measured.reduce(
    (total, { ok, meanLatencyDifferenceMs }) => total + Math.max(1, ok) * (meanLatencyDifferenceMs ?? 0),
    0,
  );
  return {
    ...first,
    inflight: sum((each) => each.inflight),
    queued: sum((each) => each.queued),
    sent: sum((each) => each.sent),
    ok: sum((each) => each.ok),
    error: sum((each) => each.error),
    timeout: sum((each) => each.timeout),
    agree: sum((each) => each.agree),
    mismatch: sum((each) => each.mismatch),
    incomparable: sum((each) => each.incomparable),
    dropped,
    meanLatencyDifferenceMs: measured.length === 0 ? null : weighted / weight,
  };
}
