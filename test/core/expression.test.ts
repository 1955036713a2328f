import { test } from 'tap';

import { compileExpression, type Expression } from '../../src/core/expression.ts';
import { describe, type Description } from '../support/described.ts';

function compiled(text: string): Expression {
  const expression = compileExpression(text);
  if ('error' in expression) throw new Error(`${text}: ${expression.error}`);
  return expression;
}

function errorOf(text: string): string {
  const expression = compileExpression(text);
  return 'error' in expression ? expression.error : '';
}

const request: Description = {
  path: '/v2/models/iris/versions/2/infer?tier=gold&tier=lead&empty=',
  headers: { 'X-Tier': 'beta', 'x-list': ['a', 'b'], 'x-city': 'İstanbul' },
  body: {
    parameters: { tier: 'gold', age: 41, ratio: 0.5, on: true, nothing: null },
    inputs: [{ name: 'x', shape: [1, 2], data: [1, 2] }],
  },
};

const holding = [
  'method == "POST"',
  'path == "/v2/models/iris/versions/2/infer"',
  'protocol == "oip" && operation == "infer"',
  'model == "iris" && version == "2"',
  'headers["x-tier"] == "beta"',
  'headers["x-list"] == "a, b"',
  'headers["x-city"] == "İstanbul"',
  'headers["x-tier"] in ["alpha", "beta"]',
  '"x-tier" in headers',
  '!("x-none" in headers)',
  'query.tier == "gold"',
  'query.empty == ""',
  'has(query.tier) && !has(query.none)',
  'body.parameters.tier == "gold"',
  'body.parameters.age == 41',
  'body.parameters.age == 41.0',
  'body.parameters.age > 40 && body.parameters.age < 42.5',
  'body.parameters.on == true',
  'body.parameters.nothing == null',
  'has(body.parameters.tier) && !has(body.parameters.none)',
  'body.inputs[0].shape[1] == 2.0',
  'size(body.inputs) == 1',
  'body.inputs.exists(input, input.name == "x")',
  'body.inputs.all(input, input.data.all(x, x > 0.0))',
  'time.getHours() == 13 && time.getDayOfWeek() == 5',
  'time > timestamp("2026-10-23T00:00:00Z") && time < timestamp("2026-10-23T00:00:00Z") + duration("14h")',
  'headers["x-tier"].matches("^be")',
  'body.parameters.tier.matches("^g.ld$")',
  'body.inputs.exists(input, input.name.matches("^[xyz]$"))',
  'model == "iris" || headers["x-none"] == "a"',
];

test('expressions see every fact of the request', async (t) => {
  const facts = describe(request);
  for (const text of holding) t.equal(compiled(text).outcome(facts), 'true', text);
});

test('an expression that fails does not hold, and says why', async (t) => {
  const facts = describe(request);
  for (const text of [
    'headers["x-none"] == "beta"',
    'headers["x-none"] != "beta"',
    'body.parameters.none == 1',
    'body.parameters.tier > 3',
    'body.inputs[7].name == "x"',
    'int(headers["x-tier"]) > 3',
  ]) {
    t.notOk(compiled(text).holds(facts), text);
    t.match(compiled(text).outcome(facts), /^an error: ./, text);
  }
  t.equal(compiled('headers["x-none"] == "beta"').outcome(facts), 'an error: No such key: x-none');
});

test('a body that is absent or no JSON makes expressions on it fail, not throw', async (t) => {
  for (const body of [undefined, '{"a":', '']) {
    t.notOk(compiled('body.a == 1').holds(describe({ body })), String(body));
  }
});

test('whether an expression reads the body is known before there is one', async (t) => {
  t.notOk(compiled('headers["body"] == "body"').readsBody);
  t.ok(compiled('model == "iris" && (false || body.a == 1)').readsBody);
  t.ok(compiled('has(body.a)').readsBody);
  t.ok(compiled('{"a": [body.x == 1]}["a"][0]').readsBody);
  t.ok(compiled('cel.bind(b, body, b.x == 1)').readsBody);
});

test('the result of an expression must be a bool', async (t) => {
  t.match(errorOf('"beta"'), /bool, not string/);
  t.match(errorOf('size(headers)'), /bool, not int/);
  t.match(errorOf('body.flag'), /bool, not dyn/);
});

test('what is malformed, unknown or of the wrong type is an error', async (t) => {
  for (const text of [
    '',
    'model ==',
    'modle == "iris"',
    'model == 1',
    'nothing(model)',
    'model.nothing()',
    '1 +',
    '__proto__ == 1',
  ]) {
    t.not(errorOf(text), '', text);
  }
});

test('what is too large or nested too deeply is an error', async (t) => {
  t.match(errorOf(`${'('.repeat(100)}true${')'.repeat(100)}`), /maxDepth/);
  t.match(errorOf(`${'!'.repeat(2000)}true`), /maxAstNodes/);
  t.match(errorOf(Array.from({ length: 600 }, () => 'true').join(' && ')), /maxAstNodes/);
  t.match(errorOf(`model in [${Array.from({ length: 300 }, () => '"a"').join(',')}]`), /maxListElements/);
});

test('patterns of matches are literals in RE2 syntax', async (t) => {
  t.match(errorOf('model.matches("(a)\\\\1")'), /invalid escape/);
  t.match(errorOf('model.matches("(")'), /missing closing/);
  t.match(errorOf('model.matches(headers["x-pattern"])'), /literal pattern/);
  t.match(errorOf('model.matches("a" + "b")'), /literal pattern/);
  t.match(errorOf('[model].exists(m, m.matches(headers["x"]))'), /literal pattern/);
});

test('matches takes linear time on text that hangs backtracking engines', async (t) => {
  const facts = describe({ headers: { 'x-long': `${'a'.repeat(4000)}b` } });
  t.notOk(compiled('headers["x-long"].matches("^(a+)+$")').holds(facts));
});

test('what could take the square of the size of a body is an error', async (t) => {
  t.match(errorOf('body.a.all(x, x in body.b)'), /`body` cannot be used again/);
  t.match(errorOf('body.a.exists(x, body.a.exists(y, x == y))'), /`body` cannot be used again/);
  t.match(errorOf('duration(headers["x-wait"]) > duration("1s")'), /duration\(\) takes a literal/);
});

test('a time that can never be read is an error at load', async (t) => {
  t.match(errorOf('time > timestamp("yesterday")'), /timestamp/);
  t.match(errorOf('time - time > duration("1 hour")'), /duration/i);
});

test('names of the client that mean something to JavaScript mean nothing here', async (t) => {
  const facts = describe({
    headers: { constructor: 'a', 'x-tier': 'beta', __proto__: 'b' } as Record<string, string>,
    path: '/v2/models/iris/infer?constructor=1&__proto__=2&toString=3',
    body: '{"constructor": 5, "__proto__": {"admin": true}, "tier": "gold"}',
  });
  t.ok(compiled('headers["x-tier"] == "beta" && headers["constructor"] == "a"').holds(facts));
  t.ok(compiled('body.tier == "gold" && body.constructor == 5 && !has(body.admin)').holds(facts));
  t.ok(compiled('query.tier == "x" || query["__proto__"] == "2"').holds(facts));
  t.notOk(compiled('"valueOf" in headers || "valueOf" in query').holds(facts));
});

test('a body nested beyond what a stack holds makes the expression fail', async (t) => {
  const facts = describe({ body: `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}` });
  t.equal(compiled('has(body.a)').holds(facts), false);
});

test('the tokens NaN and Infinity of a body read as null', async (t) => {
  const facts = describe({ body: '{"tier": "NaN", "data": [NaN, -Infinity, 1.5], "t": "a\\"Infinity"}' });
  t.ok(compiled('body.tier == "NaN" && body.data[0] == null && body.data[2] == 1.5').holds(facts));
});
