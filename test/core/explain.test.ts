import { test } from 'tap';

import { assign, matchRequest, shadowsFor } from '../../src/core/decide.ts';
import { explain, type Explanation } from '../../src/core/explain.ts';
import type { ArmWeights } from '../../src/core/decision.ts';
import type { Facts } from '../../src/core/facts.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { renderExplanation } from '../../src/core/render-explanation.ts';
import { createSplit } from '../../src/core/split.ts';
import { RequestFacts } from '../../src/gateway/facts.ts';
import { translationRefusal } from '../../src/gateway/translation-refusal.ts';
import { describe, snapshotOf } from '../support/described.ts';

function explainFor(served: Snapshot, facts: Facts, weights: ReadonlyArray<ArmWeights | undefined>): Explanation {
  if (!(facts instanceof RequestFacts)) throw new TypeError('not described');
  const described = { facts, hasBody: facts.parsedBody() !== undefined };
  return explain(served, facts, weights, translationRefusal(described));
}

const snapshot = snapshotOf(`
features:
  flower:
    provider: redis-hash
    url: redis://127.0.0.1:6379
    entity: { flower_id: { from: "body:parameters.flower_id" }, row: { from: "tensor:ids" }, who: { from: "header:x-who" } }
    fields: { sepal_length: float, petal_length: float }
    into: { tensor: input, datatype: FP32 }
routes:
  - { name: other, match: { model: other }, rules: [{ backend: iris-v1 }] }
  - { name: partner, match: { model: iris, headers: { authorization: { prefix: "Bearer p-" } } }, rules: [{ backend: iris-v1 }] }
  - name: iris
    match: { model: iris, method: POST }
    unit: header:x-user-id
    rules:
      - { name: testers, when: { headers: { x-tier: beta }, body: { parameters.age: { gte: 18 }, inputs: { present: true } } }, backend: iris-v3 }
      - { name: cel, when: 'headers["x-tier"] == "gold"', backend: iris-v2 }
      - name: live
        when: { query: { live: "1" } }
        enrich: [flower]
        bandit: { policy: thompson, arms: { a: { backend: iris-v1 }, b: { backend: iris-v2 }, c: { backend: iris-v3, paused: true } } }
        shadow: [{ backend: iris-v3, share: 30% }]
      - { name: canary, when: { query: { live: { present: true } } }, split: { iris-v1: 95, iris-v2: 5 } }
`);

const live = {
  path: '/v2/models/iris/infer?live=1',
  headers: { 'x-user-id': 'u-1', authorization: 'Bearer secret-1', 'x-request-id': 'r-1' },
  body: { parameters: { flower_id: 'f-1', age: 17 }, inputs: [] },
};

test('an explanation tells which conditions failed, with what was found', async (t) => {
  const explanation = explainFor(snapshot, describe(live), []);
  t.equal(explanation.routesRuledOut, 1);
  t.match(explanation.triedRoutes, [{ name: 'partner' }]);
  t.strictSame(explanation.triedRoutes[0]?.conditions.at(-1), {
    text: 'headers.authorization prefix "Bearer p-"',
    holds: false,
    found: 'a value that is not shown',
  });
  t.equal(explanation.route?.name, 'iris');
  t.strictSame(explanation.triedRules, [
    {
      name: 'testers',
      conditions: [
        { text: 'headers.x-tier = "beta"', holds: false, found: 'nothing' },
        { text: 'body.parameters.age >= 18', holds: false, found: '17' },
        { text: 'body.inputs is present', holds: true, found: 'a list' },
      ],
    },
    {
      name: 'cel',
      conditions: [{ text: 'cel: headers["x-tier"] == "gold"', holds: false, found: 'an error: No such key: x-tier' }],
    },
  ]);
  t.strictSame(explanation.rule, {
    name: 'live',
    conditions: [{ text: 'query.live = "1"', holds: true, found: '"1"' }],
  });
});

test('an explanation is what the serving functions decide', async (t) => {
  const weights = [{ version: 9, shares: Float64Array.of(0.7, 0.3, 0), split: createSplit([0.7, 0.3, 0]) }];
  for (let i = 0; i < 50; i++) {
    const facts = describe({ ...live, headers: { 'x-user-id': `u-${i}`, 'x-request-id': `r-${i}` } });
    const matched = matchRequest(snapshot, facts);
    if (typeof matched === 'string') throw new Error(matched);
    const assignment = assign(matched, facts, weights);
    const sent = shadowsFor(matched.rule, facts).length === 1;
    const { choice, unit, shadows, error } = explainFor(snapshot, facts, weights);
    t.match(choice, {
      kind: 'bandit',
      arm: assignment.arm,
      backend: assignment.backend.name,
      propensity: assignment.propensity,
      bucket: assignment.bucket,
      salt: 'iris/live',
      bandit: { name: 'iris.live', epoch: 1, posteriorVersion: 9 },
    });
    const own = choice?.arms.find((arm) => arm.name === assignment.arm);
    t.ok(own?.ranges.some(([from, to]) => from <= assignment.bucket && assignment.bucket < to));
    t.strictSame(unit, { source: 'header:x-user-id', value: `u-${i}`, isSticky: true });
    t.match(shadows, [{ backend: 'iris-v3', share: 0.3, isSent: sent }]);
    t.equal(error, null);
  }
});

test('an explanation names the views that would be fetched and the entity that the request carries', async (t) => {
  t.strictSame(explainFor(snapshot, describe(live), []).features, [
    {
      view: 'flower',
      entity: [
        { name: 'flower_id', source: 'body:parameters.flower_id', value: '"f-1"' },
        { name: 'row', source: 'tensor:ids', value: 'one for each row' },
        { name: 'who', source: 'header:x-who', value: 'nothing' },
      ],
      fields: ['sepal_length', 'petal_length'],
    },
  ]);
});

test('an explanation tells when nothing matches', async (t) => {
  t.match(explainFor(snapshot, describe({ path: '/v2/models/none/infer' }), []), {
    routesRuledOut: 3,
    route: null,
    choice: null,
    error: { code: 'ROUTE_NOT_FOUND' },
  });
  t.match(explainFor(snapshot, describe(), []), {
    route: { name: 'iris' },
    rule: null,
    error: { code: 'RULE_NOT_FOUND' },
  });
});

test('a backend that takes the protocol, or into whose protocol it is translated, is no error', async (t) => {
  const any = snapshotOf('routes: [{ name: any, rules: [{ backend: iris-v1, shadow: [{ backend: iris-v2 }] }] }]');
  const explained = (path: string) => explainFor(any, describe({ path }), []);
  t.match(explained('/v1/models/iris:predict'), { error: null, shadows: [{ backend: 'iris-v2' }] });
  t.match(explained('/inference.GRPCInferenceService/ModelInfer').error, null);
  t.match(explained('/v1/chat/completions'), { error: { code: 'BAD_REQUEST', message: /protocol oip/ }, shadows: [] });
});

test('a request that has no form in the protocol of the backend is refused as it would be served', async (t) => {
  const v1 = snapshotOf(`
  flat: { protocol: kserve-v1, endpoints: ["http://127.0.0.1:9004"] }
routes:
  - { name: two, match: { version: "2" }, rules: [{ backend: flat }] }
  - { name: any, rules: [{ backend: flat }] }
`);
  const infer = '/v2/models/iris/infer';
  const errorOf = (description: object) => explainFor(v1, describe(description), []).error;
  t.equal(errorOf({ path: infer }), null, 'without a body nothing is said of it');
  const inputs = [{ name: 'x', shape: [1], datatype: 'FP16', data: [1] }];
  t.match(errorOf({ path: infer, body: { inputs } }), { code: 'BAD_BODY', message: /FP16, which has no JSON form/ });
  t.match(errorOf({ path: infer, body: { inputs, foo: 1 } }), { code: 'BAD_BODY', message: /The field "foo"/ });
  t.match(errorOf({ path: '/v2/models/iris/versions/4/infer' }), { code: 'BAD_REQUEST', message: /version .*"4"/ });
  t.equal(errorOf({ path: '/v2/models/iris/versions/2/infer' }), null, 'the route is for this version');
  t.match(errorOf({ path: infer, headers: { 'ce-specversion': '1.0' } }), { message: /CloudEvents/ });
  t.match(errorOf({ path: '/v2/models/iris/stats' }), { message: /operation model-stats has no translation/ });
  t.match(errorOf({ path: '/v2/models/iris/generate_stream', body: {} }), { message: /Streams are not translated/ });
  const call = { path: '/inference.GRPCInferenceService/ModelInfer', body: { model_name: 'iris', model_version: '4' } };
  t.match(errorOf(call), { code: 'BAD_REQUEST', message: /The field "model_version", "4"/ });
});

test('a shadow that the request has no form for gets no copy, and the reason is told', async (t) => {
  const mixed = snapshotOf(`
  flat: { protocol: kserve-v1, endpoints: ["http://127.0.0.1:9004"] }
routes: [{ name: any, rules: [{ backend: iris-v1, shadow: [{ backend: flat }, { backend: iris-v2 }] }] }]
`);
  const explained = (body: object) => explainFor(mixed, describe({ path: '/v2/models/iris/infer', body }), []);
  const inputs = [{ name: 'x', shape: [1], datatype: 'FP32', data: [1] }];
  t.match(explained({ inputs }), {
    error: null,
    shadows: [
      { isSent: true, refusal: null },
      { isSent: true, refusal: null },
    ],
  });
  const explanation = explained({ inputs, foo: 1 });
  t.match(explanation, {
    error: null,
    shadows: [
      { isSent: false, refusal: /^The field "foo" has no translation/ },
      { isSent: true, refusal: null },
    ],
  });
  t.match(
    renderExplanation(explanation),
    /shadow +flat gets none: draw .*\n +the request has no form for it: The field "foo"/,
  );
});

test('features are added to what was translated, so the body is judged as the client sent it', async (t) => {
  const enriched = snapshotOf(`
  flat: { protocol: kserve-v1, endpoints: ["http://127.0.0.1:9004"] }
features:
  f: { provider: redis-hash, url: "redis://127.0.0.1:6379", entity: { id: { from: "header:x-id" } }, fields: { a: float }, into: { columns: append } }
routes: [{ name: any, rules: [{ enrich: [f], backend: flat }] }]
`);
  const explained = (path: string, more = {}) => {
    const inputs = [{ name: 'x', shape: [1], datatype: 'FP32', data: [1] }];
    return explainFor(enriched, describe({ path, body: { inputs, ...more } }), []).error;
  };
  t.equal(explained('/v2/models/iris/infer'), null);
  t.match(explained('/v2/models/iris/infer', { foo: 1 }), { code: 'BAD_BODY' });
  t.match(explained('/v2/models/iris/versions/4/infer'), { code: 'BAD_REQUEST' });
});

test('whatever is mirrored has its shadows explained', async (t) => {
  const chat = snapshotOf(`
  llm: { protocol: openai, endpoints: ["http://127.0.0.1:9004"] }
routes: [{ name: any, rules: [{ backend: llm, shadow: [{ backend: llm }] }] }]
`);
  const facts = describe({ path: '/v1/chat/completions', body: { model: 'm' } });
  t.match(explainFor(chat, facts, []), { error: null, shadows: [{ backend: 'llm', isSent: true }] });
});

test('an operation that the route does not allow is refused', async (t) => {
  const facts = describe({ path: '/v2/repository/models/tr/load', method: 'POST' });
  const refusing = snapshotOf('routes: [{ name: any, rules: [{ backend: iris-v1 }] }]');
  t.match(explainFor(refusing, facts, []), { choice: null, error: { code: 'PATH_NOT_FOUND', message: /`allow`/ } });
  const allowing = snapshotOf('routes: [{ name: any, allow: [repository], rules: [{ backend: iris-v1 }] }]');
  t.match(explainFor(allowing, facts, []), { choice: { backend: 'iris-v1' }, error: null });
});

test('an explanation is JSON, and long values are cut', async (t) => {
  const explanation = explainFor(
    snapshot,
    describe({ ...live, path: `/v2/models/iris/infer?live=${'x'.repeat(500)}` }),
    [],
  );
  t.strictSame(JSON.parse(JSON.stringify(explanation)), explanation);
  t.ok((explanation.triedRules.at(-1)?.conditions[0]?.found.length ?? 999) <= 120);
});

test('an explanation for people is aligned text', async (t) => {
  const text = renderExplanation(explainFor(snapshot, describe(live), []));
  t.equal(
    text.replace(/^(config +)[0-9a-f]{16}$/m, '$1HASH'),
    `request    POST /v2/models/iris/infer
           oip infer, iris, id r-1
config     HASH
           1 route is for other models or paths
not route  partner
           ✗ headers.authorization prefix "Bearer p-", found a value that is not shown
route      iris
           ✓ method = "POST", found "POST"
           ✓ model = "iris", found "iris"
not rule   testers
           ✗ headers.x-tier = "beta", found nothing
           ✗ body.parameters.age >= 18, found 17
not rule   cel
           ✗ cel: headers["x-tier"] == "gold", found an error: No such key: x-tier
rule       live
           ✓ query.live = "1", found "1"
unit       "u-1" from header:x-user-id
bucket     0.197124 by the salt "iris/live"
bandit     iris.live, epoch 1, no posterior read, even shares
           → a      50%  [0, 0.5)
             b      50%  [0.5, 1)
             c       0%  paused
backend    iris-v1 as arm a, propensity 0.5
features   flower (sepal_length, petal_length)
           for flower_id from body:parameters.flower_id = "f-1", row from tensor:ids = one for each row, who from header:x-who = nothing
shadow     iris-v3 gets none: draw 0.462203, share 30%
`,
  );
});
