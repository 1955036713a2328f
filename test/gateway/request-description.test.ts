import { test } from 'tap';

import { describedRequestId, factsOf } from '../../src/gateway/request-description.ts';

const path = '/v2/models/iris/infer';

function problemsOf(description: unknown, prefix = ''): readonly string[] {
  const described = factsOf(description, prefix, 0);
  return described.ok ? [] : described.problems;
}

test('a description becomes the facts that the gateway would have', async (t) => {
  const described = factsOf(
    {
      method: 'POST',
      path: `/team${path}?a=1`,
      headers: { 'X-Tier': 'ç', 'x-list': ['a', 'b'], 'X-Request-Id': 'r-9' },
      body: { a: 1 },
    },
    '/team',
    42,
  );
  if (!described.ok) throw new Error(described.problems.join());
  const { facts } = described;
  t.match(facts, {
    method: 'POST',
    path,
    query: 'a=1',
    model: 'iris',
    protocol: 'oip',
    operation: 'infer',
    requestId: 'r-9',
    timeMs: 42,
  });
  t.equal(facts.header('x-tier'), 'ç');
  t.equal(facts.header('x-list'), 'a, b');
  t.equal(facts.field(['a']), 1);
});

test('method, headers and body may be left out; the request id is then a fixed one', async (t) => {
  for (const headers of [undefined, { 'x-request-id': 'not acceptable' }]) {
    const described = factsOf({ path: '/v1/models/iris', ...(headers === undefined ? {} : { headers }) }, '', 0);
    t.match(described, { ok: true, facts: { method: 'GET', requestId: describedRequestId } });
  }
});

test('a body of text is the body as it is', async (t) => {
  const described = factsOf({ path, body: '{"a":2}' }, '', 0);
  t.equal(described.ok && described.facts.field(['a']), 2);
});

test('all that is wrong with a description is told', async (t) => {
  t.match(problemsOf([]), [/JSON object/]);
  t.match(problemsOf({}), [/path is missing/]);
  t.match(problemsOf({ path: 1 }), [/path must be a text/]);
  t.match(problemsOf({ path: '/nothing' }), [/no path of a protocol/]);
  t.match(problemsOf({ path }, '/team'), [/path must begin with "\/team\/"/]);
  t.match(problemsOf({ path, method: 'GET' }), [/method must be POST/]);
  t.match(problemsOf({ path, headers: [] }), [/headers must be an object/]);
  t.equal(problemsOf({ path, headers: { a: 1, b: [2] }, boddy: 1, method: 5 }).length, 4);
});
