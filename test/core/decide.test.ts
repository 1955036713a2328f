import { test } from 'tap';

import { assign, assignBaseline, matchRequest, shadowsFor } from '../../src/core/decide.ts';
import type { Matched } from '../../src/core/decision.ts';
import type { Facts } from '../../src/core/facts.ts';
import { bucketOf } from '../../src/core/hash.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { createSplit, pickArm, rangesOf } from '../../src/core/split.ts';
import { describe, snapshotOf } from '../support/described.ts';

function matchOf(snapshot: Snapshot, facts: Facts): Matched {
  const matched = matchRequest(snapshot, facts);
  if (typeof matched === 'string') throw new Error(matched);
  return matched;
}

function userRequest(user: string, requestId = 'r-1'): Facts {
  return describe({ headers: { 'x-user-id': user, 'x-request-id': requestId } });
}

const split = `
routes:
  - name: iris
    match: { model: iris }
    unit: header:x-user-id
    rules:
      - name: live
        split: { iris-v1: 80, iris-v2: 20, iris-v3: 0 }
`;

test('the first route that matches wins, and in it the first rule that holds', async (t) => {
  const snapshot = snapshotOf(`
routes:
  - { name: other, match: { model: other }, rules: [{ backend: iris-v1 }] }
  - name: beta
    match: { headers: { x-tier: beta } }
    rules: [{ name: a, when: { query: { a: "1" } }, backend: iris-v1 }, { name: b, when: { query: { b: "1" } }, backend: iris-v2 }]
  - { name: all, match: { model: iris }, rules: [{ when: 'method == "GET"', backend: iris-v2 }, { backend: iris-v3 }] }
`);
  const nameOf = (facts: Facts): string => {
    const matched = matchRequest(snapshot, facts);
    return typeof matched === 'string' ? matched : `${matched.route.name}/${matched.rule.name}`;
  };
  const beta = { headers: { 'x-tier': 'beta' } };
  t.equal(nameOf(describe()), 'all/rule-2');
  t.equal(nameOf(describe({ path: '/v2/models/iris' })), 'all/rule-1');
  t.equal(nameOf(describe({ ...beta, path: '/v2/models/iris/infer?b=1' })), 'beta/b');
  t.equal(nameOf(describe({ ...beta, path: '/v2/models/iris/infer?b=1&a=1' })), 'beta/a');
  t.equal(nameOf(describe({ ...beta, path: '/v2/models/other/infer' })), 'other/rule-1');
  t.equal(nameOf(describe(beta)), 'RULE_NOT_FOUND', 'a route that matched is not left for the next one');
  t.equal(nameOf(describe({ path: '/v2/models/none/infer' })), 'ROUTE_NOT_FOUND');
});

test('a plain backend is certain, and nothing is drawn', async (t) => {
  const snapshot = snapshotOf('routes: [{ name: iris, unit: "header:x-user-id", rules: [{ backend: iris-v2 }] }]');
  const facts = userRequest('u-1');
  const assignment = assign(matchOf(snapshot, facts), facts, []);
  t.match(assignment, {
    arm: 'iris-v2',
    armIndex: 0,
    propensity: 1,
    bucket: -1,
    unit: 'u-1',
    isSticky: true,
    bandit: null,
  });
});

test('a split sends a unit where its bucket lies', async (t) => {
  const snapshot = snapshotOf(split);
  const counts = [0, 0, 0];
  const table = createSplit([80, 20, 0]);
  for (let i = 0; i < 2000; i++) {
    const facts = userRequest(`user-${i}`);
    const { armIndex, arm, bucket, unit, isSticky, propensity } = assign(matchOf(snapshot, facts), facts, []);
    t.equal(bucket, bucketOf(`user-${i}`, 'iris/live'));
    t.equal(armIndex, pickArm(table, bucket));
    t.ok(rangesOf(table, armIndex).some(([from, to]) => from <= bucket && bucket < to));
    t.strictSame([arm, unit, isSticky], [`iris-v${armIndex + 1}`, `user-${i}`, true]);
    t.ok(Math.abs(propensity - [0.8, 0.2, 0][armIndex]!) < 1e-9);
    counts[armIndex]!++;
  }
  const sigma = Math.sqrt(2000 * 0.8 * 0.2);
  t.ok(Math.abs(counts[0]! - 1600) < 3 * sigma, `${counts[0]} of 2000`);
  t.equal(counts[2], 0, 'a weight of 0 serves nothing');
});

test('a snapshot compiled again decides the same', async (t) => {
  const [first, second] = [snapshotOf(split), snapshotOf(split)];
  for (let i = 0; i < 200; i++) {
    const facts = userRequest(`user-${i}`);
    t.equal(assign(matchOf(first, facts), facts, []).arm, assign(matchOf(second, facts), facts, []).arm);
  }
});

test('a request without a unit is its own unit', async (t) => {
  const snapshot = snapshotOf(split);
  for (const headers of [{ 'x-request-id': 'r-7' }, { 'x-request-id': 'r-7', 'x-user-id': '' }]) {
    const facts = describe({ headers });
    t.match(assign(matchOf(snapshot, facts), facts, []), {
      unit: 'r-7',
      isSticky: false,
      bucket: bucketOf('r-7', 'iris/live'),
    });
  }
});

test('a unit may be a field of the body, a cookie or a query parameter', async (t) => {
  const cases = [
    ['body:parameters.user', { body: { parameters: { user: 7 } } }, '7'],
    ['cookie:uid', { headers: { cookie: 'a=b; uid=u-2' } }, 'u-2'],
    ['query:uid', { path: '/v2/models/iris/infer?uid=u%203' }, 'u 3'],
  ] as const;
  for (const [unit, description, expected] of cases) {
    const snapshot = snapshotOf(split.replace('header:x-user-id', unit));
    const facts = describe(description);
    t.match(assign(matchOf(snapshot, facts), facts, []), { unit: expected, isSticky: true });
  }
});

const bandit = `
routes:
  - name: iris
    unit: header:x-user-id
    rules:
      - { name: one, when: { query: { b: "1" } }, bandit: { policy: thompson, arms: [iris-v1, iris-v2] } }
      - name: two
        bandit:
          policy: thompson
          sticky: request
          arms: { a: { backend: iris-v1, paused: true }, b: { backend: iris-v2 }, c: { backend: iris-v3 } }
`;

test('a bandit without shares is served evenly over the arms that are not paused', async (t) => {
  const snapshot = snapshotOf(bandit);
  const seen = new Set<string>();
  for (let i = 0; i < 100; i++) {
    const facts = userRequest('u-1', `r-${i}`);
    const { arm, propensity, isSticky, unit, posteriorVersion } = assign(matchOf(snapshot, facts), facts, []);
    t.strictSame([propensity, isSticky, unit, posteriorVersion], [0.5, false, `r-${i}`, 0]);
    seen.add(arm);
  }
  t.strictSame([...seen].sort(), ['b', 'c']);
});

test('a bandit serves its shares, and the share of the arm is the propensity', async (t) => {
  const snapshot = snapshotOf(bandit);
  const shares = Float64Array.of(0.9, 0.1);
  const weights = [{ version: 77, shares, split: createSplit([...shares]) }];
  let first = 0;
  for (let i = 0; i < 1000; i++) {
    const facts = describe({ path: '/v2/models/iris/infer?b=1', headers: { 'x-user-id': `u-${i}` } });
    const assignment = assign(matchOf(snapshot, facts), facts, weights);
    t.equal(assignment.propensity, shares[assignment.armIndex]);
    t.match(assignment, { isSticky: true, posteriorVersion: 77, bandit: { name: 'iris.one' } });
    if (assignment.armIndex === 0) first++;
  }
  t.ok(Math.abs(first - 900) < 3 * Math.sqrt(1000 * 0.9 * 0.1), `${first} of 1000`);
});

test('what is no inference goes to the baseline, without a draw', async (t) => {
  const facts = describe({ path: '/v2/models/iris/ready' });
  for (const [rest, arm] of [
    [split, 'iris-v1'],
    [bandit, 'iris-v2'],
  ] as const) {
    const snapshot = snapshotOf(rest);
    t.match(assignBaseline(matchOf(snapshot, facts), facts), { arm, propensity: 1, bucket: -1, bandit: null });
  }
});

test('each shadow gets its share of the requests, by the request id', async (t) => {
  const snapshot = snapshotOf(`
routes:
  - name: iris
    rules: [{ backend: iris-v1, shadow: [{ backend: iris-v2, share: 20% }, { backend: iris-v3 }] }]
  - { name: rest, rules: [{ backend: iris-v1 }] }
`);
  const rule = snapshot.routes[0]!.rules[0]!;
  let sent = 0;
  for (let i = 0; i < 2000; i++) {
    const names = shadowsFor(rule, userRequest('u', `r-${i}`)).map((shadow) => shadow.backend.name);
    t.ok(names.includes('iris-v3'));
    if (names.includes('iris-v2')) sent++;
  }
  t.ok(Math.abs(sent - 400) < 3 * Math.sqrt(2000 * 0.2 * 0.8), `${sent} of 2000`);
  const none = snapshot.routes[1]!.rules[0]!;
  t.equal(shadowsFor(none, describe()), shadowsFor(none, describe()), 'one empty list for all');
});
