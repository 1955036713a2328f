import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';
import { test } from 'tap';

import { type Reply, RespCursor, RespFailure } from '../../../src/edges/redis/resp-cursor.ts';
import { RespInput } from '../../../src/edges/redis/resp-input.ts';

/** All replies in a text that comes in pieces of these sizes. */
function readPieces(bytes: Buffer, sizes: readonly number[]): Reply[] {
  const input = new RespInput();
  const cursor = new RespCursor();
  const replies: Reply[] = [];
  const read = (from: Buffer, end: number) => {
    cursor.load(from, 0, end);
    let at = 0;
    while (at < end) {
      const reply = cursor.reply();
      if (reply === undefined) break;
      replies.push(reply);
      at = cursor.at;
    }
    return { at, needed: cursor.lack };
  };
  // The connection reads into one buffer again and again.
  const chunk = Buffer.alloc(bytes.length);
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = Math.min(bytes.length - at, sizes[i % sizes.length] ?? bytes.length);
    bytes.copy(chunk, 0, at, at + size);
    input.take(chunk, size, read);
    chunk.fill(0);
    at += size;
  }
  return replies;
}

const readText = (text: string) => readPieces(Buffer.from(text), [text.length]);

interface Sample {
  readonly text: string;
  readonly reply: Reply;
}

const line = fc.string({ unit: 'grapheme-ascii' }).map((text) => text.replaceAll(/[\r\n]/g, ''));
const { sample } = fc.letrec<{ sample: Sample }>((tie) => ({
  sample: fc.oneof(
    { maxDepth: 3 },
    fc
      .string({ unit: 'grapheme' })
      .map((text) => ({ text: `$${Buffer.byteLength(text)}\r\n${text}\r\n`, reply: text })),
    fc.constantFrom(
      { text: '$-1\r\n', reply: null },
      { text: '*-1\r\n', reply: null },
      { text: '_\r\n', reply: null },
      { text: '#t\r\n', reply: 't' },
      { text: ',1.5\r\n', reply: '1.5' },
    ),
    fc.integer().map((value) => ({ text: `:${value}\r\n`, reply: value })),
    line.map((text) => ({ text: `+${text}\r\n`, reply: text })),
    fc.array(tie('sample'), { maxLength: 4 }).map((items) => ({
      text: `*${items.length}\r\n${items.map(({ text }) => text).join('')}`,
      reply: items.map(({ reply }) => reply),
    })),
    fc.array(fc.tuple(tie('sample'), tie('sample')), { maxLength: 2 }).map((pairs) => ({
      text: `%${pairs.length}\r\n${pairs
        .flat()
        .map(({ text }) => text)
        .join('')}`,
      reply: pairs.flat().map(({ reply }) => reply),
    })),
  ),
}));

test('replies are read whole, wherever their bytes are cut', async (t) => {
  fc.assert(
    fc.property(
      fc.array(sample, { minLength: 1, maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 }),
      (samples, sizes) => {
        const bytes = Buffer.from(samples.map(({ text }) => text).join(''));
        const replies = readPieces(bytes, sizes);
        return JSON.stringify(replies) === JSON.stringify(samples.map(({ reply }) => reply));
      },
    ),
    { seed: 41, numRuns: 3000 },
  );
  t.pass();
});

test('a reply of many pieces is tried again only when it can be whole', async (t) => {
  const cursor = new RespCursor();
  const bytes = Buffer.from(`$1000\r\n${'x'.repeat(1000)}\r\n`);
  cursor.load(bytes, 0, 100);
  t.equal(cursor.reply(), undefined);
  t.equal(cursor.lack, bytes.length);
});

test('failures are values, as simple and as blob', async (t) => {
  for (const text of ['-WRONGTYPE no\r\n', '!12\r\nWRONGTYPE no\r\n']) {
    const [reply] = readText(text);
    t.ok(reply instanceof RespFailure && reply.message === 'WRONGTYPE no', text);
  }
});

test('what is no reply is refused', async (t) => {
  for (const text of ['x\r\n', '$1x\r\n', '$1\r\nab\r\n', '*1\r\n?', ':1\n\n\n', '*1\r\n'.repeat(20)]) {
    t.throws(() => readText(text), { message: /^Redis sent/ }, JSON.stringify(text));
  }
});
