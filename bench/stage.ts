import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeEntry, type Entry } from './entry.ts';
import type { Peer } from './peer.ts';
import { startRedis } from './redis.ts';
import type { Scenario } from './scenario.ts';
import { surroundingsOf } from './surroundings.ts';
import type { Upstream } from './upstream/upstream.ts';

/** Everything around the peers of a scenario, running, and who takes part. */
export interface Stage {
  /** Case by case, in the order of the peers. */
  readonly entries: readonly Entry[];
  /** That of the first case. */
  readonly upstream: Pick<Upstream, 'software' | 'config'>;
  readonly stop: () => Promise<void>;
}

/** Starts Redis, where the scenario needs it, and an upstream for each case. */
export async function openStage(scenario: Scenario, peers: readonly Peer[]): Promise<Stage> {
  const dir = mkdtempSync(join(tmpdir(), 'makas-bench-'));
  const removeDir = (): void => rmSync(dir, { recursive: true, force: true });
  process.once('exit', removeDir);
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(stops.map((each) => each()));
    removeDir();
    process.off('exit', removeDir);
  };
  try {
    const redis = scenario.entities === undefined ? null : await startRedis(dir, scenario.entities);
    if (redis !== null) stops.push(redis.stop);
    const entries: Entry[] = [];
    for (const [n, each] of scenario.cases.entries()) {
      const upstream = await surroundingsOf(each).startUpstream(join(dir, `upstream-${n}`));
      stops.push(upstream.stop);
      for (const peer of peers) {
        if (each.configs[peer.name] === undefined) continue;
        const own = join(dir, `${peer.name}-${n}`);
        entries.push(makeEntry({ peer, case: each, upstream, redisPort: redis?.port ?? 0, dir: own }));
      }
    }
    return { entries, upstream: entries[0]?.upstream ?? { software: '', config: '' }, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
