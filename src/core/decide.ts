import type { ArmWeights, Assignment, Matched } from './decision.ts';
import { drawOf } from './draws.ts';
import type { Facts } from './facts.ts';
import { bucketOf } from './hash.ts';
import { findRoute } from './route-index.ts';
import type { Backend, Bandit, Route, Rule, Shadow, Snapshot } from './snapshot.ts';
import { armName, armsOf, pinnedArm } from './seldon-route.ts';
import { routedArm } from './seldon-routing.ts';
import { readUnit } from './source.ts';
import { createSplit, pickArm, shareOf, type Split } from './split.ts';

/**
 * Every decision about a request, as pure functions of (snapshot, facts, shares of the bandits): the same input gives
 * the same decision on any replica, today or in a replay. Nothing here waits, draws from a clock, or remembers.
 */

/** The first route whose `match` holds, and in it the first rule whose `when` holds; else the code of the error. */
export function matchRequest(snapshot: Snapshot, facts: Facts): Matched | 'ROUTE_NOT_FOUND' | 'RULE_NOT_FOUND' {
  const route = findRoute(snapshot.index, facts);
  if (route === null) return 'ROUTE_NOT_FOUND';
  const rule = findRule(route, facts);
  return rule === null ? 'RULE_NOT_FOUND' : { route, rule };
}

/** The rule of the arm that a feedback names, else the first that holds; `tried` receives those before it. */
export function findRule(route: Route, facts: Facts, tried?: Rule[]): Rule | null {
  const routed = routedArm(route, facts);
  if (routed !== null) return routed.rule;
  for (const rule of route.rules) {
    if (rule.when.holds(facts)) return rule;
    tried?.push(rule);
  }
  return null;
}

/**
 * Which backend answers. A split or sticky bandit hashes the unit, so that a unit stays on its arm; without a unit, or
 * in a bandit that is not sticky, every request is a unit of its own. `weights` holds the shares that each bandit serves
 * now, by `Bandit.index`; a bandit without shares is served evenly.
 */
export function assign(
  { route, rule }: Matched,
  facts: Facts,
  weights: ReadonlyArray<ArmWeights | undefined>,
): Assignment {
  const { choice } = rule;
  const pinned = route.seldonRoute && choice.kind !== 'backend' ? pinnedArm(choice, facts) : -1;
  const isAlone = choice.kind === 'bandit' && !choice.bandit.sticky && pinned === -1;
  const own = isAlone ? null : readUnit(route.unit, facts);
  const isSticky = own !== null;
  const unit = own ?? facts.requestId;
  if (choice.kind === 'backend') return certain(unit, isSticky, choice.backend);
  if (pinned !== -1) return certainArm(unit, isSticky, rule, pinned);
  const bucket = bucketOf(unit, rule.salt);
  if (choice.kind === 'split') {
    const armIndex = pickArm(choice.split, bucket);
    const backend = choice.arms[armIndex]!;
    const propensity = shareOf(choice.split, armIndex);
    const { name: arm } = backend;
    return { unit, isSticky, backend, arm, armIndex, propensity, bucket, bandit: null, posteriorVersion: 0 };
  }

  const { bandit } = choice;
  const served = weights[bandit.index];
  const split = served?.split ?? evenSplit(bandit);
  const armIndex = pickArm(split, bucket);
  const { name: arm, backend } = bandit.arms[armIndex]!;
  const propensity = served?.shares[armIndex] ?? shareOf(split, armIndex);
  const posteriorVersion = served?.version ?? 0;
  return { unit, isSticky, backend, arm, armIndex, propensity, bucket, bandit, posteriorVersion };
}

/**
 * The backend that speaks for a rule in what is no inference (metadata, readiness, feedback): nothing is drawn and nothing
 * is learned. The arm that a feedback names, else the baseline of a split, and of a bandit the first arm that serves.
 */
export function assignBaseline({ route, rule }: Matched, facts: Facts): Assignment {
  const routed = routedArm(route, facts);
  const own = readUnit(route.unit, facts);
  const unit = own ?? facts.requestId;
  if (routed?.rule === rule) return certainArm(unit, own !== null, rule, routed.armIndex);
  return certain(unit, own !== null, baselineOf(rule));
}

function baselineOf({ choice }: Rule): Backend {
  if (choice.kind !== 'bandit') return armsOf(choice)[0]!;
  const { arms } = choice.bandit;
  return (arms.find((arm) => !arm.paused) ?? arms[0]!).backend;
}

function certainArm(unit: string, isSticky: boolean, { choice }: Rule, armIndex: number): Assignment {
  const backend = armsOf(choice)[armIndex]!;
  return { ...certain(unit, isSticky, backend), arm: armName(choice, armIndex), armIndex };
}

function certain(unit: string, isSticky: boolean, backend: Backend): Assignment {
  const { name: arm } = backend;
  return { unit, isSticky, backend, arm, armIndex: 0, propensity: 1, bucket: -1, bandit: null, posteriorVersion: 0 };
}

/** The split over the arms that are not paused, all alike: what a bandit serves before its posterior was first read. */
export function evenSplit(bandit: Bandit): Split {
  return createSplit(bandit.arms.map((arm) => (arm.paused ? 0 : 1)));
}

const noShadows: readonly Shadow[] = [];

/** The shadows that get a copy of this request: each by its share and the hash of the request id. */
export function shadowsFor(rule: Rule, facts: Facts): readonly Shadow[] {
  const { shadows } = rule;
  if (shadows.length === 0) return noShadows;
  if (shadows.every((shadow) => shadow.share >= 1)) return shadows;
  return shadows.filter((shadow) => drawOf(facts.requestId, shadow.salt) < shadow.share);
}
