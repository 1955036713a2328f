import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';
import { test } from 'tap';

import { addSeldonMeta, type SeldonMeta } from '../../src/protocol/seldon-meta.ts';

const meta: SeldonMeta = { puid: 'P', tag: { key: 'k', value: 'v"' }, routing: { node: 'n', child: 1 } };

function added(json: string, more: Partial<SeldonMeta> = {}): string {
  return addSeldonMeta(Buffer.from(json), { ...meta, ...more }).toString();
}

test('the decision is added to the meta of an answer, and no other byte changes', (t) => {
  const all = '"puid":"P","tags":{"k":"v\\""},"routing":{"n":1}';
  const rest = '"tags":{"k":"v\\""},"routing":{"n":1}';
  const cases: ReadonlyArray<readonly [string, string]> = [
    ['{}', `{"meta":{${all}}}`],
    ['{ "data": 1e2 }', `{ "data": 1e2,"meta":{${all}} }`],
    ['{"meta":null,"data":{}}', `{"meta":{${all}},"data":{}}`],
    ['{"meta":{"puid":"p"}}', `{"meta":{"puid":"p",${rest}}}`],
    ['{"meta":{"puid":""}}', `{"meta":{"puid":"P",${rest}}}`],
    ['{"meta":{"puid":null, "x": 0}}', `{"meta":{"puid":"P", "x": 0,${rest}}}`],
    [
      '{"meta":{"puid":"p","routing":{"m": -1},"tags":{"a":1}}, "z":[ ]}',
      '{"meta":{"puid":"p","routing":{"m": -1,"n":1},"tags":{"a":1,"k":"v\\""}}, "z":[ ]}',
    ],
    [
      '{"meta":{"puid":"p","routing":{"n": 7},"tags":null}}',
      '{"meta":{"puid":"p","routing":{"n": 1},"tags":{"k":"v\\""}}}',
    ],
    [
      '{"meta":{"puid":"p","tags":{"\\u006b":[]}}}',
      '{"meta":{"puid":"p","tags":{"\\u006b":"v\\""},"routing":{"n":1}}}',
    ],
    ['{"meta":{"puid":"p","tags":"x"}}', '{"meta":{"puid":"p","tags":"x","routing":{"n":1}}}'],
  ];
  for (const [json, expected] of cases) {
    t.equal(added(json), expected, json);
    JSON.parse(added(json));
  }
  t.equal(added('{}', { tag: null }), '{"meta":{"puid":"P","routing":{"n":1}}}');
  t.end();
});

test('an answer that has no room for it stays as it is', (t) => {
  for (const json of ['[]', '1', '', '{', '{"meta":[]}', '{"meta":"x"}']) t.equal(added(json), json, json);
  t.end();
});

test('a full parser finds all that was there, and what was added', (t) => {
  const key = fc.string({ unit: 'grapheme', maxLength: 4 }).filter((name) => name !== '__proto__');
  const answer = fc.record(
    {
      data: fc.jsonValue(),
      meta: fc.record(
        {
          puid: fc.string(),
          tags: fc.dictionary(key, fc.jsonValue(), { noNullPrototype: true }),
          routing: fc.dictionary(key, fc.integer(), { noNullPrototype: true }),
        },
        { requiredKeys: [], noNullPrototype: true },
      ),
    },
    { requiredKeys: [], noNullPrototype: true },
  );
  fc.assert(
    fc.property(answer, key, key, fc.string({ minLength: 1 }), fc.nat(9), (sent, tag, node, puid, child) => {
      const before = JSON.parse(JSON.stringify(sent));
      const more = { puid, tag: { key: tag, value: puid }, routing: { node, child } };
      const after = JSON.parse(added(JSON.stringify(sent), more));
      assert.deepEqual(after, {
        ...before,
        meta: {
          ...before.meta,
          puid: before.meta?.puid || puid,
          tags: { ...before.meta?.tags, [tag]: puid },
          routing: { ...before.meta?.routing, [node]: child },
        },
      });
    }),
    { seed: 471, numRuns: 1000 },
  );
  t.pass('1000 cases');
  t.end();
});
