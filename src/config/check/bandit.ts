import { defaults } from '../defaults.ts';
import { type ProblemSink, joinPath, showFound } from '../problem.ts';
import type { Bandit } from '../schema/bandit.ts';
import type { ConfigFile } from '../schema/root.ts';
import { parseShare } from '../units.ts';
import { checkDuration, checkName } from './values.ts';
import type { Static } from 'typebox';

export type BanditFile = Static<typeof Bandit>;
type PriorFile = NonNullable<BanditFile['prior']>;

export interface ArmFile {
  readonly name: string;
  readonly backend: string;
  readonly paused: boolean;
  readonly prior: PriorFile | undefined;
  readonly path: string;
}

/** The arms in one form, whichever of the two the file uses. */
export function listArms(bandit: BanditFile, path: string): ArmFile[] {
  const at = joinPath(path, 'arms');
  const { arms } = bandit;
  if (Array.isArray(arms)) {
    return arms.map((name, index) => ({
      name,
      backend: name,
      paused: false,
      prior: undefined,
      path: joinPath(at, index),
    }));
  }
  return Object.entries(arms).map(([name, arm]) => ({
    name,
    backend: arm.backend ?? name,
    paused: arm.paused === true,
    prior: arm.prior,
    path: joinPath(at, name),
  }));
}

export function checkBandit(bandit: BanditFile, path: string, { backends }: ConfigFile, sink: ProblemSink): void {
  const arms = listArms(bandit, path);
  const kind = bandit.reward?.kind ?? defaults.bandit.rewardKind;
  for (const arm of arms) {
    checkName(arm.backend, backends, 'backend', arm.path, sink);
    checkPrior(arm.prior, kind, joinPath(arm.path, 'prior'), sink);
  }
  checkPrior(bandit.prior, kind, joinPath(path, 'prior'), sink);
  checkShares(bandit, arms, path, sink);
  checkReward(bandit, kind, joinPath(path, 'reward'), sink);
  if (bandit.refresh !== undefined) {
    checkDuration(bandit.refresh, joinPath(path, 'refresh'), sink, {
      leastMs: 100,
      least: '100ms',
      mostMs: 86_400_000,
      most: '1d',
    });
  }
}

function checkPrior(prior: PriorFile | undefined, kind: string, path: string, sink: ProblemSink): void {
  if (prior === undefined) return;
  const expected = kind === 'binary' ? '`alpha` and `beta`' : '`mean`, `strength`, `shape` and `rate`';
  if ('alpha' in prior !== (kind === 'binary'))
    sink.error(path, `this prior does not fit rewards of kind \`${kind}\``, { expected });
}

function checkShares(bandit: BanditFile, arms: readonly ArmFile[], path: string, sink: ProblemSink): void {
  const live = arms.filter((arm) => !arm.paused).length;
  if (live === 0) {
    sink.error(joinPath(path, 'arms'), 'every arm is paused, so nothing can be served');
    return;
  }
  const floor = parseShare(bandit.floor ?? defaults.bandit.floor);
  const ceiling = parseShare(bandit.ceiling ?? defaults.bandit.ceiling);
  // Shares such as 33.3% leave a little rounding in their sums.
  const slack = 1e-9;
  const arm = live === 1 ? 'one arm' : `${live} arms`;
  if (floor * live > 1 + slack) {
    const at = bandit.floor === undefined ? path : joinPath(path, 'floor');
    sink.error(at, `${arm} cannot have this floor each`, {
      found: showShare(floor),
      expected: `at most ${showShare(1 / live)}`,
    });
  }
  const ceilingAt = bandit.ceiling === undefined ? path : joinPath(path, 'ceiling');
  if (ceiling * live < 1 - slack) {
    sink.error(ceilingAt, `${arm} under this ceiling cannot take all requests`, {
      found: showShare(ceiling),
      expected: `at least ${showShare(1 / live)}`,
    });
  }
  if (floor > ceiling)
    sink.error(ceilingAt, 'the ceiling is below the floor', {
      found: `${showShare(ceiling)} below ${showShare(floor)}`,
    });
}

function showShare(share: number): string {
  return `${Number((share * 100).toPrecision(4))}%`;
}

function checkReward({ reward }: BanditFile, kind: 'binary' | 'gaussian', path: string, sink: ProblemSink): void {
  if (reward === undefined) return;
  if (reward.wait !== undefined) {
    checkDuration(reward.wait, joinPath(path, 'wait'), sink, {
      leastMs: 1000,
      least: '1s',
      mostMs: 30 * 86_400_000,
      most: '30d',
    });
  }
  const { binary } = defaults.bandit;
  const min = reward.min ?? (kind === 'binary' ? binary.min : -Infinity);
  const max = reward.max ?? (kind === 'binary' ? binary.max : Infinity);
  if (kind === 'binary') {
    for (const key of ['min', 'max'] as const) {
      const bound = reward[key];
      if (bound === undefined || (bound >= 0 && bound <= 1)) continue;
      sink.error(joinPath(path, key), 'rewards of kind `binary` lie between 0 and 1', { found: showFound(bound) });
    }
  }
  if (min >= max) {
    const at = joinPath(path, reward.max === undefined ? 'min' : 'max');
    sink.error(at, '`min` must be below `max`', { found: `${min} and ${max}` });
    return;
  }
  const fallback = reward.default;
  if (typeof fallback === 'number' && (fallback < min || fallback > max)) {
    sink.error(joinPath(path, 'default'), 'the default reward is not between `min` and `max`', {
      found: showFound(fallback),
      expected: `from ${min} to ${max}`,
    });
  } else if (fallback === undefined && kind === 'binary' && min > binary.default) {
    sink.error(path, 'the default reward 0 is below `min`', { hint: 'set `default`, or `default: none`' });
  }
}
