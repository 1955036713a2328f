import { murmur3 } from '../../core/hash.ts';
import type { Backend, Bandit, BanditArm, Prior, RewardSettings } from '../../core/snapshot.ts';
import { defaults } from '../defaults.ts';
import { joinPath, type ProblemSink } from '../problem.ts';
import type { ConfigFile } from '../schema/root.ts';
import { parseDuration, parseShare } from '../units.ts';

export type BanditConfig = NonNullable<ConfigFile['routes'][number]['rules'][number]['bandit']>;
type ArmConfig = Exclude<BanditConfig['arms'], readonly string[]>[string];
type PriorConfig = NonNullable<BanditConfig['prior']>;

/** Compiles a bandit; null when the check refuses it. `hasUnit`: the route names what sticks to an arm. */
export function compileBandit(
  index: number,
  config: BanditConfig,
  defaultName: string,
  hasUnit: boolean,
  backends: ReadonlyMap<string, Backend>,
  path: string,
  problems: ProblemSink,
): Bandit | null {
  const name = config.name ?? defaultName;
  const epoch = config.epoch ?? defaults.bandit.epoch;
  const reward = compileReward(config.reward ?? {});
  const arms = compileArms(config, reward.kind, backends);
  if (arms === null) return null;
  reportTwins(arms, joinPath(path, 'arms'), problems);
  return {
    index,
    name,
    epoch,
    arms,
    reward,
    floor: parseShare(config.floor ?? defaults.bandit.floor),
    ceiling: parseShare(config.ceiling ?? defaults.bandit.ceiling),
    burnIn: config.burnIn ?? defaults.bandit.burnIn,
    refreshMs: parseDuration(config.refresh ?? defaults.bandit.refresh),
    sticky: (config.sticky ?? (hasUnit ? 'unit' : 'request')) === 'unit',
    id: murmur3(`${name}\0${epoch}`),
  };
}

function compileArms(
  config: BanditConfig,
  kind: RewardSettings['kind'],
  backends: ReadonlyMap<string, Backend>,
): BanditArm[] | null {
  const listed: (readonly [name: string, settings: ArmConfig])[] = Array.isArray(config.arms)
    ? config.arms.map((name) => [name, {}] as const)
    : Object.entries(config.arms);
  const arms: BanditArm[] = [];
  for (const [name, settings] of listed) {
    const backend = backends.get(settings.backend ?? name);
    const prior = compilePrior(settings.prior ?? config.prior, kind);
    if (backend === undefined || prior === null) return null;
    arms.push({ name, backend, paused: settings.paused ?? false, prior, id: murmur3(name) });
  }
  return arms.some((arm) => !arm.paused) ? arms : null;
}

/** Tokens name arms by hash; two must not be taken for one another. */
function reportTwins(arms: readonly BanditArm[], path: string, problems: ProblemSink): void {
  const nameOfId = new Map<number, string>();
  for (const { name, id } of arms) {
    const twin = nameOfId.get(id);
    if (twin !== undefined) {
      problems.error(path, `the arms ${twin} and ${name} have the same hash, by which tokens name them; rename one`);
    }
    nameOfId.set(id, name);
  }
}

function compileReward(config: NonNullable<BanditConfig['reward']>): RewardSettings {
  const kind = config.kind ?? defaults.bandit.rewardKind;
  const of = kind === 'binary' ? defaults.bandit.binary : ({ min: -Infinity, max: Infinity, default: 'none' } as const);
  const written = config.default ?? of.default;
  return {
    kind,
    waitMs: parseDuration(config.wait ?? defaults.bandit.wait),
    default: written === 'none' ? null : written,
    min: config.min ?? of.min,
    max: config.max ?? of.max,
  };
}

/** The prior as the kind of reward needs it; null when it is of the other kind. */
function compilePrior(config: PriorConfig | undefined, kind: RewardSettings['kind']): Prior | null {
  if (kind === 'binary') {
    const prior = config ?? defaults.bandit.betaPrior;
    return 'alpha' in prior ? { kind: 'beta', ...prior } : null;
  }
  const prior = config ?? defaults.bandit.normalPrior;
  return 'mean' in prior ? { kind: 'normal', ...prior } : null;
}
