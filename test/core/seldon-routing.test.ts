import { Buffer } from 'node:buffer';

import { test } from 'tap';

import { assignBaseline, findRule } from '../../src/core/decide.ts';
import { routedArm, routingOf } from '../../src/core/seldon-routing.ts';
import { RequestFacts } from '../../src/gateway/facts.ts';
import { ListedHeaders } from '../../src/gateway/request-headers.ts';
import { snapshotOf } from '../support/described.ts';

const [route] = snapshotOf(`
routes:
  - name: iris
    rules:
      - { name: beta, when: { headers: { x-tier: beta } }, backend: iris-v3 }
      - { name: half, when: { headers: { x-tier: half } }, split: { iris-v1: 80, iris-v2: 20 } }
      - { name: live, bandit: { policy: thompson, arms: [iris-v2, iris-v3], reward: { kind: binary, wait: 10m } } }
`).routes as [ReturnType<typeof snapshotOf>['routes'][number]];

function feedback(body: unknown, operation: 'feedback' | 'infer' = 'feedback'): RequestFacts {
  const facts = new RequestFacts({
    requestId: 'r',
    timeMs: 0,
    method: 'POST',
    path: '/api/v1.0/feedback',
    query: '',
    protocol: 'seldon-v1',
    operation,
    model: 'iris',
    version: '',
    headers: new ListedHeaders([]),
  });
  facts.setBody(Buffer.from(JSON.stringify(body)));
  return facts;
}

function routing(child: unknown): object {
  return { response: { meta: { routing: { iris: child } } } };
}

test('every arm of a route has a number of its own, and feedback with it goes to that arm', (t) => {
  const expected = [
    ['beta', 'iris-v3'],
    ['half', 'iris-v1'],
    ['half', 'iris-v2'],
    ['live', 'iris-v2'],
    ['live', 'iris-v3'],
  ];
  for (const [child, [ruleName, arm]] of expected.entries()) {
    const facts = feedback(routing(child));
    const rule = findRule(route, facts)!;
    t.equal(rule.name, ruleName, 'whatever its conditions');
    const assignment = assignBaseline({ route, rule }, facts);
    t.match(assignment, { arm, backend: { name: arm }, propensity: 1, bucket: -1, bandit: null });
    t.equal(routingOf(route, rule, assignment.armIndex), child);
  }
  t.end();
});

test('a number that names no arm is none, and only feedback is read', (t) => {
  for (const child of [-1, 5, 0.5, '1', null, true, [1]]) t.equal(routedArm(route, feedback(routing(child))), null);
  t.equal(routedArm(route, feedback({ response: { meta: { routing: { rose: 1 } } } })), null);
  t.equal(routedArm(route, feedback({ request: routing(1) })), null);
  const facts = feedback(routing(-1));
  const rule = findRule(route, facts)!;
  t.equal(rule.name, 'live', 'the first that holds');
  t.match(assignBaseline({ route, rule }, facts), { arm: 'iris-v2', backend: { name: 'iris-v2' } });
  t.equal(routedArm(route, feedback(routing(1), 'infer')), null);
  t.end();
});
