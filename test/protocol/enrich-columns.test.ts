import { isDeepStrictEqual } from 'node:util';

import * as fc from 'fast-check';
import { test } from 'tap';

import type { Into } from '../../src/protocol/feature-into.ts';
import { column, enrich, enrichText } from './enrich-request.ts';
import { jsonDocument } from './json-document.ts';

const append: Into = { kind: 'columns', position: 'append' };
const prepend: Into = { kind: 'columns', position: 'prepend' };
const columns = [column('a', [1, 2]), column('b', ['x', null], 'BYTES')];

test('array rows get their values behind or before their elements', async (t) => {
  const text = '{"instances": [ [ 1152921504606846977, NaN ], [] ],"big":1152921504606846977}';
  t.equal(
    enrichText(text, { into: append, columns }),
    '{"instances": [ [ 1152921504606846977, NaN,1,"x" ], [2,null] ],"big":1152921504606846977}',
  );
  t.equal(
    enrichText(text, { into: prepend, columns }),
    '{"instances": [ [1,"x", 1152921504606846977, NaN ], [2,null] ],"big":1152921504606846977}',
  );
});

test('object rows get keys, and a key that is there stays or is replaced by the policy', async (t) => {
  const text = '{"instances":[{"id":7,"a":null},{"\\u0061":5,"a":6}]}';
  const kept = enrich(text, { into: append, columns });
  t.equal(kept.ok && kept.body.toString(), '{"instances":[{"id":7,"a":null,"b":"x"},{"\\u0061":5,"a":6,"b":null}]}');
  t.equal(
    enrichText(text, { into: append, columns, existing: 'store' }),
    '{"instances":[{"id":7,"a":1,"b":"x"},{"\\u0061":2,"a":2,"b":null}]}',
  );
});

test('inputs are the rows when there are no instances', async (t) => {
  const one = [column('a', [5])];
  t.equal(enrichText('{"inputs":[[1]]}', { into: append, columns: one }), '{"inputs":[[1,5]]}');
  t.equal(
    enrichText('{"inputs":[[1]],"instances":[[2]]}', { into: append, columns: one }),
    '{"inputs":[[1]],"instances":[[2,5]]}',
  );
});

test('rows get what the operation on parsed objects gives them', async () => {
  const row = fc.oneof(
    fc.array(jsonDocument, { maxLength: 3 }).map((items) => `[ ${items.join(',')} ]`),
    fc.dictionary(fc.constantFrom('id', 'a', 'b', 'é'), fc.integer()).map((object) => JSON.stringify(object)),
  );
  const data = fc.array(fc.tuple(row, fc.integer(), fc.option(fc.string())), { minLength: 1, maxLength: 5 });
  const existing = fc.constantFrom('store' as const, 'request' as const);
  fc.assert(
    fc.property(data, jsonDocument, existing, fc.boolean(), (rows, other, policy, isAppend) => {
      const text = `{"x":${other} ,"instances" : [${rows.map((r) => r[0]).join(' , ')}],"y":${other}}`;
      const result = enrich(text, {
        into: isAppend ? append : prepend,
        columns: [
          column(
            'a',
            rows.map((r) => r[1]),
            'INT64',
          ),
          column(
            'b',
            rows.map((r) => r[2]),
            'BYTES',
          ),
        ],
        existing: policy,
      });
      const expected = JSON.parse(text);
      for (const [i, [, a, b]] of rows.entries()) {
        const old = expected.instances[i];
        if (Array.isArray(old)) expected.instances[i] = isAppend ? [...old, a, b] : [a, b, ...old];
        else expected.instances[i] = policy === 'store' ? { ...old, a, b } : { a, b, ...old };
      }
      return result.ok && isDeepStrictEqual(JSON.parse(result.body.toString()), expected);
    }),
    { seed: 31, numRuns: 3000 },
  );
});

test('a body without one fitting row per entity is refused with a reason', async (t) => {
  const cases: Record<string, string> = {
    '{"instances":[[1]]}': 'ROW_COUNT',
    '{"instances":[[1],[2],[3]]}': 'ROW_COUNT',
    '{"instances":[]}': 'ROW_COUNT',
    '{"instances":[[1],2]}': 'WRONG_TYPE',
    '{"instances":{"a":[1]}}': 'WRONG_TYPE',
    '{}': 'MISSING',
    '{"instances":[[1],[2]': 'NOT_AN_OBJECT',
    '[[1],[2]]': 'NOT_AN_OBJECT',
    '': 'NOT_AN_OBJECT',
  };
  for (const [text, reason] of Object.entries(cases))
    t.equal(enrichText(text, { into: append, columns }), reason, text);
  t.match(enrich('{"instances":[[1]]}', { into: append, columns }), {
    code: 'BAD_BODY',
    message: /2 entities but has 1 rows/,
  });
});
