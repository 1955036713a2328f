import { test, type Test } from 'tap';

import { matchRequest } from '../../src/core/decide.ts';
import { describe, errorsOf, snapshotOf, type Description } from '../support/described.ts';

/** Whether a route with this `match` (YAML flow text) takes the request. */
function holds(match: string, description: Description): boolean {
  const snapshot = snapshotOf(`routes: [{ name: only, match: ${match}, rules: [{ backend: iris-v1 }] }]`);
  return typeof matchRequest(snapshot, describe(description)) !== 'string';
}

type Row = readonly [condition: string, value: unknown, expected: boolean];

function checkHeaders(
  t: Test,
  rows: readonly (readonly [string, string | readonly string[] | undefined, boolean])[],
): void {
  for (const [condition, value, expected] of rows) {
    const headers: Record<string, string | readonly string[]> = value === undefined ? {} : { 'X-Value': value };
    t.equal(
      holds(`{ headers: { X-VALUE: ${condition} } }`, { headers }),
      expected,
      `${condition} on ${JSON.stringify(value)}`,
    );
  }
}

function checkBody(t: Test, rows: readonly Row[]): void {
  for (const [condition, value, expected] of rows) {
    const body = { parameters: value === undefined ? {} : { value } };
    t.equal(
      holds(`{ body: { parameters.value: ${condition} } }`, { body }),
      expected,
      `${condition} on ${JSON.stringify(value)}`,
    );
  }
}

test('each operator on a header', async (t) => {
  checkHeaders(t, [
    ['beta', 'beta', true],
    ['beta', 'Beta', false],
    ['beta', undefined, false],
    ['[alpha, beta]', 'beta', true],
    ['[alpha, beta]', 'gamma', false],
    ['{ exact: beta }', 'beta', true],
    ['{ in: [alpha, beta] }', 'alpha', true],
    ['{ in: [alpha, beta] }', undefined, false],
    ['{ prefix: be }', 'beta', true],
    ['{ prefix: be }', 'abe', false],
    ['{ suffix: ta }', 'beta', true],
    ['{ suffix: ta }', 'tab', false],
    ['{ contains: et }', 'beta', true],
    ['{ contains: xx }', 'beta', false],
    ['{ contains: a }', undefined, false],
    ['{ regex: "^b.t" }', 'beta', true],
    ['{ regex: "^b.t" }', 'a beta', false],
    ['{ regex: ".*" }', undefined, false],
    ['{ present: true }', '', true],
    ['{ present: true }', undefined, false],
    ['{ present: false }', undefined, true],
    ['{ present: false }', 'beta', false],
    ['{ not: beta }', 'alpha', true],
    ['{ not: beta }', 'beta', false],
    ['{ not: [alpha, beta] }', 'alpha', false],
    ['{ not: beta, present: true }', undefined, false],
    ['{ prefix: a, suffix: z }', 'abz', true],
    ['{ prefix: a, suffix: z }', 'abc', false],
  ]);
});

test('a value that is not there is none of those that `not` lists', async (t) => {
  checkHeaders(t, [['{ not: beta }', undefined, true]]);
  checkBody(t, [['{ not: beta }', undefined, true]]);
});

test('headers are compared as text, and as numbers only when they are plainly written ones', async (t) => {
  checkHeaders(t, [
    ['5', '5', true],
    ['5', '5.0', false],
    ['true', 'true', true],
    ['{ gt: 5 }', '5.5', true],
    ['{ gt: 5 }', '5', false],
    ['{ gte: 5 }', '5', true],
    ['{ lt: 5 }', '-1e3', true],
    ['{ lte: 5 }', '5.0', true],
    ['{ gte: 5, lt: 10 }', '10', false],
    ['{ gte: 0 }', '', false],
    ['{ gte: 0 }', ' 5', false],
    ['{ gte: 0 }', '5 5', false],
    ['{ gte: 0 }', '0x10', false],
    ['{ gte: 0 }', 'Infinity', false],
    ['{ gte: 0 }', '1e999', false],
    ['{ gte: 0 }', 'five', false],
    ['{ gte: 0 }', undefined, false],
    ['{ lt: 0 }', undefined, false],
  ]);
});

test('repeated headers are one list', async (t) => {
  checkHeaders(t, [
    ['"a, b"', ['a', 'b'], true],
    ['a', ['a', 'b'], false],
    ['{ contains: b }', ['a', 'b'], true],
  ]);
});

test('text beyond ASCII is compared as the client wrote it', async (t) => {
  checkHeaders(t, [
    ['İstanbul', 'İstanbul', true],
    ['{ prefix: "日" }', '日本', true],
    ['{ regex: "^.🙂$" }', 'é🙂', true],
  ]);
  checkBody(t, [['İstanbul', 'İstanbul', true]]);
});

test('body fields are compared by type and value', async (t) => {
  checkBody(t, [
    ['5', 5, true],
    ['5.0', 5, true],
    ['5', '5', false],
    ['"5"', '5', true],
    ['"5"', 5, false],
    ['true', true, true],
    ['true', 'true', false],
    ['[1, two]', 'two', true],
    ['{ gt: 5 }', 5.5, true],
    ['{ gt: 5 }', '6', false],
    ['{ lt: 5 }', null, false],
    ['{ prefix: go }', 'gold', true],
    ['{ prefix: "1" }', 12, false],
    ['{ not: 5 }', '5', true],
    ['{ present: true }', null, true],
    ['{ present: true }', [1], true],
    ['{ present: true }', {}, true],
    ['{ present: true }', undefined, false],
    ['{ present: false }', [1], false],
    ['{ present: false }', undefined, true],
    ['gold', ['gold'], false],
  ]);
});

test('integers beyond 2^53 keep their digits', async (t) => {
  const body = '{"parameters": {"value": 9007199254740993}}';
  t.ok(holds('{ body: { parameters.value: "9007199254740993" } }', { body }));
  t.notOk(holds('{ body: { parameters.value: "9007199254740992" } }', { body }));
  t.ok(holds('{ body: { parameters.value: { gt: 5 } } }', { body }));
});

test('body paths reach into arrays and keys with dots', async (t) => {
  const body = { inputs: [{ name: 'a' }, { name: 'b' }], 'x.y': 1 };
  t.ok(holds('{ body: { inputs.1.name: b } }', { body }));
  t.ok(holds("{ body: { 'x\\.y': 1 } }", { body }));
  t.notOk(holds('{ body: { inputs.2: { present: true } } }', { body }));
  t.notOk(holds('{ body: { inputs.length: { present: true } } }', { body }));
});

test('a body that is absent, no JSON, or encoded has no fields', async (t) => {
  const match = '{ body: { a: 1 } }';
  t.ok(holds(match, { body: { a: 1 } }));
  t.notOk(holds(match, {}));
  t.notOk(holds(match, { body: '{"a": 1' }));
  t.notOk(holds(match, { body: { a: 1 }, headers: { 'content-encoding': 'gzip' } }));
  t.ok(holds(match, { body: { a: 1 }, headers: { 'content-encoding': 'identity' } }));
});

test('conditions on the properties of a request', async (t) => {
  const iris2 = { path: '/v2/models/iris/versions/2/infer?a=1&a=2&b=%C3%A7+x' };
  const rows: readonly (readonly [string, Description, boolean])[] = [
    ['{ model: iris, version: 2, method: POST, protocol: oip, operation: infer }', iris2, true],
    ['{ model: { prefix: ir } }', iris2, true],
    ['{ model: [a, b] }', iris2, false],
    ['{ version: { present: false } }', iris2, false],
    ['{ version: { present: false } }', {}, true],
    ['{ version: { gte: 2 } }', iris2, true],
    ['{ path: /v2/models/iris/versions/2/infer }', iris2, true],
    ['{ path: { prefix: /v2/models/iris/versions/ } }', iris2, true],
    ['{ operation: [model-ready, model-metadata] }', { path: '/v2/models/iris/ready' }, true],
    ['{ protocol: [kserve-v1] }', { path: '/v1/models/iris:predict' }, true],
    ['{ query: { a: 1 } }', iris2, true],
    ['{ query: { a: 2 } }', iris2, false],
    ['{ query: { b: "ç x" } }', iris2, true],
    ['{ query: { toString: { present: true } } }', iris2, false],
    ['{ headers: { constructor: { present: true } } }', iris2, false],
    ['{ model: iris, cel: \'query.a == "1"\' }', iris2, true],
    ['{ model: other, cel: \'query.a == "1"\' }', iris2, false],
    ['{}', {}, true],
  ];
  for (const [match, description, expected] of rows) t.equal(holds(match, description), expected, match);
});

test('conditions that cannot be compiled are problems with their path', async (t) => {
  const errors = (match: string): string[] =>
    errorsOf(`routes: [{ name: only, match: ${match}, rules: [{ backend: iris-v1 }] }]`);
  t.match(errors('{ headers: { x-a: { regex: "(a)\\\\1" } } }'), [
    /^routes\[0\]\.match\.headers\.x-a\.regex: .*invalid escape/,
  ]);
  t.match(errors('{ cel: "modle == 1" }'), [/^routes\[0\]\.match\.cel: .*Unknown variable: modle/]);
  t.match(errors('{ body: { a..b: 1 } }'), [/^routes\[0\]\.match\.body\["a\.\.b"\]: /]);
  t.match(errors('{ method: post }'), [/^routes\[0\]\.match\.method: no request has this method/]);
  t.match(errors('{ operation: [infer, predict] }'), [/operation/]);
  t.equal(errors('{ method: post, cel: "1", headers: { x-a: { regex: "(" } } }').length, 3, 'all at once');
});
