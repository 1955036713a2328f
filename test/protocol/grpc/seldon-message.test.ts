import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';
import { test } from 'tap';

import { SeldonFields } from '../../../src/protocol/grpc/seldon-fields.ts';
import { addToSeldonMessage, readFeedbackMessage, seldonSuccess } from '../../../src/protocol/grpc/seldon-message.ts';
import { seldonFeedback, seldonMessage, type SeldonProto, type SeldonValue } from '../../support/seldon-protos.ts';
import { mutate, mutation, name, plain } from './infer-arbitrary.ts';

const value: fc.Arbitrary<SeldonValue> = fc.oneof(
  plain({ string_value: name }),
  plain({ number_value: fc.double({ noNaN: true }) }),
  plain({ bool_value: fc.boolean() }),
  plain({ list_value: plain({ values: fc.array(plain({ string_value: name }), { maxLength: 2 }) }) }),
  fc.constant({}),
);
const tags = fc.dictionary(name, value, { maxKeys: 3, noNullPrototype: true });
const meta = plain({
  puid: name,
  tags,
  routing: fc.dictionary(name, fc.integer({ min: -3, max: 3 }), { maxKeys: 2, noNullPrototype: true }),
});
const data = plain({
  names: fc.array(name, { maxLength: 2 }),
  tensor: plain({ shape: fc.array(fc.nat(9)), values: fc.array(fc.double({ noNaN: true }), { maxLength: 4 }) }),
});
const message: fc.Arbitrary<SeldonProto> = fc.oneof(
  plain({ meta, data }),
  plain({ meta, strData: name }),
  plain({ data }),
  fc.constant({}),
);
const single = fc.float({ noNaN: true, noDefaultInfinity: true });

function add(bytes: Buffer, key: string, value: string, node = 'n', child = 1): Buffer {
  return addToSeldonMessage(bytes, { puid: 'P', tag: { key, value }, routing: { node, child } });
}

test('a decision is added to an answer, and all else in it stays', async (t) => {
  fc.assert(
    fc.property(message, name, name, name, fc.nat(300), (sent, key, text, node, child) => {
      const bytes = seldonMessage.encode(sent);
      const before = seldonMessage.decode(bytes);
      const after = seldonMessage.decode(add(bytes, key, text, node, child));
      const tagged = { ...before.meta?.tags, [key]: { string_value: text } };
      const routing = { ...before.meta?.routing, [node]: child };
      const puid = (before.meta?.puid ?? '') === '' ? 'P' : before.meta?.puid;
      assert.deepEqual(after, { ...before, meta: { ...before.meta, puid, tags: tagged, routing } });
    }),
    { seed: 461, numRuns: 1000 },
  );
  t.pass('1000 cases');
});

test('without a token only the tags stay as they were', async (t) => {
  const bytes = seldonMessage.encode({ meta: { puid: 'p', tags: { a: { bool_value: true } } }, strData: 'x' });
  const added = addToSeldonMessage(bytes, { puid: 'P', tag: null, routing: { node: 'ranker', child: 1 } });
  t.strictSame(
    [...added],
    [
      0x12,
      0x18,
      ...bytes.subarray(2, bytes[1]! + 2),
      0x1a,
      10,
      0x0a,
      6,
      ...Buffer.from('ranker'),
      0x10,
      1,
      0x2a,
      1,
      0x78,
    ],
    'byte for byte',
  );
});

test('the meta and the reward of a feedback are those that a full decoder finds', async (t) => {
  const feedback = plain({ request: message, response: message, reward: single, truth: message });
  fc.assert(
    fc.property(feedback, (sent) => {
      const bytes = seldonFeedback.encode(sent);
      const { response, reward } = seldonFeedback.decode(bytes);
      const texts = Object.entries(response?.meta?.tags ?? {}).flatMap(([key, { string_value: text }]) =>
        text === undefined ? [] : [[key, text] as const],
      );
      const read = readFeedbackMessage(bytes);
      const { puid = '', routing = {} } = response?.meta ?? {};
      assert.deepEqual(read?.response.meta, { puid, tags: Object.fromEntries(texts), routing });
      assert.equal(Math.fround(read.reward), reward ?? 0);
      const fields = new SeldonFields(bytes, true);
      for (const [key, child] of Object.entries(routing)) {
        assert.equal(fields.field(['response', 'meta', 'routing', key]), child);
      }
      assert.equal(fields.field(['response', 'meta', 'puid']), puid === '' ? undefined : puid);
    }),
    { seed: 462, numRuns: 1000 },
  );
  t.pass('1000 cases');
});

test('what was added to an answer is found in the feedback about it', async (t) => {
  fc.assert(
    fc.property(message, name, name, (sent, key, text) => {
      const answer = add(seldonMessage.encode(sent), key, text, 'node', 2);
      const read = readFeedbackMessage(seldonFeedback.encode({ response: seldonMessage.decode(answer), reward: 0.1 }));
      assert.equal(read?.response.meta.tags[key], text);
      assert.equal(read.response.meta.routing['node'], 2);
      assert.equal(read.reward, 0.1, 'as the client wrote it');
    }),
    { seed: 463, numRuns: 300 },
  );
  t.pass('300 cases');
});

test('of repeated fields all count, and the last of a kind wins', async (t) => {
  const part = (tag: string, text: string) =>
    seldonMessage.encode({ meta: { tags: { [tag]: { string_value: text } } } });
  const both = Buffer.concat([part('a', '1'), part('b', '2'), part('a', '3')]);
  const feedback = Buffer.concat([Buffer.from([0x12, both.length]), both, Buffer.from([0x12, 0])]);
  const meta = { puid: '', tags: { a: '3', b: '2' }, routing: {} };
  t.strictSame(readFeedbackMessage(feedback), { reward: 0, response: { meta } });
  const number = seldonMessage.encode({ meta: { tags: { a: { number_value: 1 } } } });
  const over = Buffer.concat([Buffer.from([0x12, both.length]), both, Buffer.from([0x12, number.length]), number]);
  t.strictSame(readFeedbackMessage(over)?.response.meta.tags, { b: '2' });
  t.strictSame(
    readFeedbackMessage(seldonFeedback.encode({ response: { meta: { tags: { ['__proto__']: {} } } } }))?.response.meta
      .tags,
    {},
  );
  const tagged = seldonMessage.decode(add(both, 'c', '4'));
  t.equal(tagged.meta?.tags?.['c']?.string_value, '4', 'also for a reader that takes the last meta');
  t.equal(tagged.meta?.tags?.['a']?.string_value, '3');
  const named = Buffer.concat([seldonMessage.encode({ meta: { puid: 'p' } }), both]);
  t.equal(seldonMessage.decode(add(named, 'c', '4')).meta?.puid, 'p', 'the puid of an earlier meta counts');
});

test('malformed messages stay as they are, and are no feedback', async (t) => {
  const cut = Buffer.from([0x12, 0x05, 0x00]);
  const inner = Buffer.from([0x12, 0x02, 0x12, 0x05]);
  t.equal(add(cut, 'k', 'v'), cut);
  t.equal(add(inner, 'k', 'v'), inner);
  t.equal(readFeedbackMessage(cut), null);
  t.equal(readFeedbackMessage(Buffer.from([0x12, 0x04, ...inner])), null);
  t.strictSame(readFeedbackMessage(Buffer.alloc(0)), {
    reward: 0,
    response: { meta: { puid: '', tags: {}, routing: {} } },
  });
  const fields = new SeldonFields(cut, false);
  t.equal(fields.isDoubtful(), false, 'nothing was asked for');
  t.equal(fields.field(['meta', 'puid']), undefined);
  t.equal(fields.isDoubtful(), true);
});

test('success is a SeldonMessage', async (t) => {
  t.strictSame(seldonMessage.decode(seldonSuccess(202)), { status: { code: 202 }, meta: {} });
});

test('no bytes make reading throw', async (t) => {
  fc.assert(
    fc.property(message, mutation, (sent, changes) => {
      const answer = mutate(seldonMessage.encode(sent), changes);
      add(answer, 'k', 'v');
      readFeedbackMessage(mutate(seldonFeedback.encode({ response: sent, reward: 1 }), changes));
      readFeedbackMessage(answer);
    }),
    { seed: 464, numRuns: 3000 },
  );
  t.pass('3000 cases');
});
