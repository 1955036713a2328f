import { isDeepStrictEqual } from 'node:util';

import * as fc from 'fast-check';
import { test } from 'tap';

import type { Into } from '../../src/protocol/feature-into.ts';
import { compilePointer, pathOf } from '../../src/protocol/json-path.ts';
import { column, enrich, enrichText } from './enrich-request.ts';
import { jsonDocument } from './json-document.ts';

const parameters: Into = { kind: 'parameters', prefix: 'f_' };
const one = [column('a', [1]), column('b', ['x'], 'BYTES')];
const two = [column('a', [1, 2])];
const pointer = (text: string): Into => ({ kind: 'pointer', path: compilePointer(text) ?? pathOf([]) });

test('parameters are filled, created, or put in place of null', async (t) => {
  t.equal(
    enrichText('{"parameters":{"id": NaN},"n":1}', { into: parameters, columns: one }),
    '{"parameters":{"id": NaN,"f_a":1,"f_b":"x"},"n":1}',
  );
  t.equal(enrichText('{ }', { into: parameters, columns: one }), '{"parameters":{"f_a":1,"f_b":"x"} }');
  t.equal(enrichText('{"parameters":null}', { into: parameters, columns: one }), '{"parameters":{"f_a":1,"f_b":"x"}}');
});

test('a parameter that is there stays or is replaced by the policy', async (t) => {
  const text = '{"parameters":{"f_a":9}}';
  const kept = enrich(text, { into: parameters, columns: one });
  t.equal(kept.ok && kept.body.toString(), '{"parameters":{"f_a":9,"f_b":"x"}}');
  t.equal(
    enrichText(text, { into: parameters, columns: one, existing: 'store' }),
    '{"parameters":{"f_a":1,"f_b":"x"}}',
  );
});

test('parameters take one row and no other form', async (t) => {
  t.equal(enrichText('{}', { into: parameters, columns: two }), 'ROW_COUNT');
  t.equal(enrichText('{"parameters":[{}]}', { into: parameters, columns: one }), 'WRONG_TYPE');
  t.equal(enrichText('{"parameters":1}', { into: parameters, columns: one }), 'WRONG_TYPE');
  t.equal(enrichText('[]', { into: parameters, columns: one }), 'NOT_AN_OBJECT');
  t.equal(enrichText('{"parameters":{}', { into: parameters, columns: one }), 'NOT_AN_OBJECT');
});

test('a pointer gives an object for one row and an array of objects for several', async (t) => {
  t.equal(
    enrichText('{"x":{"y":1}}', { into: pointer('/x/f~1g'), columns: one }),
    '{"x":{"y":1,"f/g":{"a":1,"b":"x"}}}',
  );
  t.equal(enrichText('{"x":{}}', { into: pointer('/x/f'), columns: two }), '{"x":{"f":[{"a":1},{"a":2}]}}');
  t.equal(enrichText('{"x":[{"k":0},{}]}', { into: pointer('/x'), columns: two }), '{"x":[{"k":0,"a":1},{"a":2}]}');
  t.equal(enrichText('{"x":[{"k":0}]}', { into: pointer('/x/0'), columns: one }), '{"x":[{"k":0,"a":1,"b":"x"}]}');
  t.equal(enrichText('{"k":0}', { into: pointer(''), columns: one }), '{"k":0,"a":1,"b":"x"}');
});

test('a pointer that leads nowhere is refused with a reason', async (t) => {
  t.equal(enrichText('{}', { into: pointer('/x/f'), columns: one }), 'MISSING');
  t.equal(enrichText('{"x":[]}', { into: pointer('/x/0'), columns: one }), 'MISSING');
  t.equal(enrichText('{"x":1}', { into: pointer('/x'), columns: one }), 'WRONG_TYPE');
  t.equal(enrichText('{"x":{}}', { into: pointer('/x'), columns: two }), 'WRONG_TYPE');
  t.equal(enrichText('{"x":[{}]}', { into: pointer('/x'), columns: two }), 'ROW_COUNT');
  t.equal(enrichText('{"x":[{},1]}', { into: pointer('/x'), columns: two }), 'WRONG_TYPE');
  t.equal(enrichText('1', { into: pointer(''), columns: one }), 'WRONG_TYPE');
  t.equal(enrichText('', { into: pointer(''), columns: one }), 'NOT_AN_OBJECT');
});

test('parameters equal the operation on parsed objects', async () => {
  const parametersText = fc.option(fc.dictionary(fc.constantFrom('id', 'f_a', 'f_b', 'q"'), fc.string()), {
    nil: undefined,
  });
  fc.assert(
    fc.property(parametersText, jsonDocument, fc.boolean(), fc.boolean(), (old, other, isFirst, isStore) => {
      const member = old === undefined ? [] : [`"parameters" : ${JSON.stringify(old)}`];
      const text = `{${(isFirst ? [...member, `"x":${other}`] : [`"x":${other}`, ...member]).join(' ,')} }`;
      const result = enrich(text, { into: parameters, columns: one, existing: isStore ? 'store' : 'request' });
      const added = { f_a: 1, f_b: 'x' };
      const expected = { ...JSON.parse(text), parameters: isStore ? { ...old, ...added } : { ...added, ...old } };
      return (
        result.ok &&
        isDeepStrictEqual(JSON.parse(result.body.toString()), expected) &&
        result.body.includes(other.trim())
      );
    }),
    { seed: 32, numRuns: 3000 },
  );
});
