import { buildRouteIndex } from '../../src/core/route-index.ts';
import { murmur3 } from '../../src/core/hash.ts';
import type { Assignment } from '../../src/core/decision.ts';
import type { Backend, Bandit, BanditArm, RewardSettings, Snapshot } from '../../src/core/snapshot.ts';

export interface BanditFixture {
  readonly name?: string;
  readonly epoch?: number;
  readonly arms?: readonly (string | (Partial<BanditArm> & { readonly name: string }))[];
  readonly reward?: Partial<RewardSettings>;
  readonly burnIn?: number;
  readonly floor?: number;
  readonly refreshMs?: number;
}

const backend = (name: string): Backend => ({
  index: 0,
  name,
  protocol: 'oip',
  endpoints: [],
  model: null,
  version: null,
  timeoutMs: 1_000,
  headers: [],
  translation: { tensor: 'predict', float: 'FP32', datatypes: new Map(), binary: true },
  connection: { connectTimeoutMs: 1, keepAliveMs: 1, connections: 1, queue: 1, maxAnswerBytes: 1, tls: null },
});

/** A compiled bandit as the configuration's compiler makes it: binary rewards, arms a and b, no burn-in. */
export function makeBandit(fixture: BanditFixture = {}): Bandit {
  const {
    name = 'iris.live',
    epoch = 1,
    arms = ['a', 'b'],
    reward = {},
    burnIn = 0,
    floor = 0.01,
    refreshMs = 100,
  } = fixture;
  return {
    index: 0,
    name,
    epoch,
    arms: arms.map((arm) => {
      const fields = typeof arm === 'string' ? { name: arm } : arm;
      return {
        backend: backend(fields.name),
        paused: false,
        prior: { kind: 'beta', alpha: 1, beta: 1 },
        id: murmur3(fields.name),
        ...fields,
      };
    }),
    reward: { kind: 'binary', waitMs: 60_000, default: 0, min: 0, max: 1, ...reward },
    floor,
    ceiling: 1,
    burnIn,
    refreshMs,
    sticky: true,
    id: murmur3(`${name}\0${epoch}`),
  };
}

/** A snapshot that has nothing but bandits. */
export function makeSnapshot(...fixtures: readonly BanditFixture[]): Snapshot {
  const bandits = fixtures.map((fixture, index) => ({ ...makeBandit(fixture), index }));
  const limits = { bodyBytes: 1, bufferBytes: 1, rows: 1 };
  return {
    hash: '',
    backends: [],
    views: [],
    bandits,
    routes: [],
    index: buildRouteIndex([], []),
    limits,
    prefix: '',
    mounts: [],
  };
}

export function assignmentTo(bandit: Bandit, armIndex: number, propensity = 0.5): Assignment {
  const { name, backend } = bandit.arms[armIndex]!;
  return {
    backend,
    arm: name,
    armIndex,
    propensity,
    unit: 'u',
    isSticky: true,
    bucket: 0.5,
    bandit,
    posteriorVersion: 7,
  };
}
