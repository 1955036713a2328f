import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';
import { test } from 'tap';

import { FINE, HpackDecoder } from '../../../src/protocol/http2/hpack-decoder.ts';
import { encoderDefaults, HpackEncoder } from '../../../src/protocol/http2/hpack-encoder.ts';

const limits = { maxListBytes: 1 << 20, maxFields: 1000 };
const name = fc.oneof(
  fc.constantFrom(
    'content-type',
    'user-agent',
    'te',
    'authorization',
    'cookie',
    'x-request-id',
    'grpc-timeout',
    'date',
  ),
  fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9a-z]{1,20}$/),
);
const value = fc.oneof(
  fc.constantFrom('application/grpc', 'trailers', '', 'a', 'identity,deflate,gzip', 'x'.repeat(300)),
  fc.stringMatching(/^(?:[!-~\u0080-\u00ff](?:[\t -~\u0080-\u00ff]{0,40}[!-~\u0080-\u00ff])?)?$/),
);
const notBad = (field: readonly [string, string]): boolean =>
  !/^(?:connection|keep-alive|proxy-connection|transfer-encoding|upgrade|content-length)$/.test(field[0]) &&
  (field[0] !== 'te' || field[1] === 'trailers');
const field = fc.tuple(name, value).filter(notBad);

/** Few fields that come again and again, in changing company. */
const blocks = fc
  .tuple(
    fc.array(field, { minLength: 1, maxLength: 30 }),
    fc.array(fc.array(fc.nat(29), { maxLength: 12 }), { minLength: 1, maxLength: 40 }),
  )
  .map(([fields, picks]) =>
    picks.map((pick) =>
      pick
        .map((i) => fields[i % fields.length]!)
        .map(([n, v]) => `${n}: ${v}\r\n`)
        .join(''),
    ),
  );
const sizes = fc.array(fc.constantFrom(-1, -1, -1, 0, 40, 100, 300, 4096, 10_000), { minLength: 1, maxLength: 40 });
const paths = fc.array(fc.constantFrom('/', '/a/b', '/inference.GRPCInferenceService/ModelInfer'), {
  minLength: 1,
  maxLength: 5,
});

test('what is encoded is decoded, through evictions and changes of the table size', async (t) => {
  let indexed = 0;
  fc.assert(
    fc.property(blocks, sizes, paths, fc.constantFrom(0, 200, 4096, 65536), (list, changes, targets, tableSize) => {
      const encoder = new HpackEncoder({ ...encoderDefaults, tableSize });
      const decoder = new HpackDecoder(limits);
      decoder.setTableSize(65536);
      // Each block three times, as memos take blocks that came before; then all of them once more.
      const order = [...list.flatMap((block) => [block, block, block]), ...list];
      return order.every((block, i) => {
        const change = changes[i % changes.length]!;
        if (change !== -1) {
          encoder.setPeerTableSize(change);
          decoder.setTableSize(change);
        }
        const path = targets[i % targets.length]!;
        const kind = (i + block.length) % 3;
        if (kind === 0) encoder.encodeRequest('POST', 'http', 'host:80', path, block);
        else if (kind === 1) encoder.encodeResponse(200, block);
        else encoder.encodeTrailers(block);
        if (encoder.length < block.length / 4) indexed++;
        // Octets that follow in the same memory do not matter.
        if (decoder.decode(encoder.bytes, 0, encoder.length) !== FINE) return false;
        const { section } = decoder;
        const isSame =
          section.block === block &&
          section.path === (kind === 0 ? path : '') &&
          section.status === (kind === 1 ? 200 : 0);
        return isSame && encoder.tableSize === decoder.tableSize;
      });
    }),
    { seed: 1, numRuns: 1000 },
  );
  t.ok(indexed > 3000, `${indexed} blocks are mostly indexes`);
});

test('blocks that differ by one line are encoded alike, with a memo and without', async (t) => {
  const line = fc.constantFrom('a: 1\r\n', 'b: 2\r\n', 'c: 3\r\n', 'd: 4\r\n', 'long-name: long value\r\n', 'e: \r\n');
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 6 }),
      fc.array(fc.tuple(fc.nat(6), fc.nat(2), fc.nat(1000)), { maxLength: 30 }),
      (base, edits) => {
        const encoder = new HpackEncoder();
        const decoder = new HpackDecoder(limits);
        return [0, 0, 0].concat(edits.map((_, i) => i + 1)).every((edit) => {
          const lines: string[] = [...base];
          const [at, removed, text] = edit === 0 ? [0, 0, -1] : edits[edit - 1]!;
          if (text !== -1) lines.splice(at % (lines.length + 1), removed, `id: ${text}\r\n`);
          encoder.encodeResponse(200, lines.join(''));
          return decoder.decode(encoder.bytes, 0, encoder.length) === FINE && decoder.section.block === lines.join('');
        });
      },
    ),
    { seed: 2, numRuns: 3000 },
  );
  t.pass();
});

test('a block that comes again and again is a few octets', async (t) => {
  const encoder = new HpackEncoder();
  const block = 'te: trailers\r\ncontent-type: application/grpc\r\nuser-agent: grpc-node-js/1.14.7\r\n';
  for (let i = 0; i < 4; i++) encoder.encodeRequest('POST', 'http', 'host:80', '/a.B/C', block);
  t.equal(encoder.length, 7);
  encoder.encodeRequest('POST', 'http', 'host:80', '/a.B/C', `${block}x-request-id: 1\r\n`);
  t.ok(encoder.length < 25, `${encoder.length} octets`);
});

test('secrets are never indexed, whatever their case', async (t) => {
  const encoder = new HpackEncoder({ ...encoderDefaults, neverIndexed: new Set(['authorization', 'x-token']) });
  for (let i = 0; i < 5; i++) encoder.encodeTrailers('Authorization: Bearer abc\r\nx-token: t\r\n');
  t.equal(encoder.tableSize, 0);
  const bytes = encoder.bytes.subarray(0, encoder.length);
  t.equal(bytes.toString('latin1'), '\x1f\x08\x0aBearer abc\x10\x07x-token\x01t');
});

test('values that are always others do not push out those that come again', async (t) => {
  const encoder = new HpackEncoder();
  const common = 'content-type: application/grpc\r\n';
  for (let i = 0; i < 5000; i++) encoder.encodeTrailers(`${common}x-request-id: ${i}\r\nx-user: ${(i * 7) % 101}\r\n`);
  t.ok(encoder.tableSize < 62 + 16 * 60, `${encoder.tableSize} octets in the table`);
  encoder.encodeTrailers(common);
  t.equal(encoder.length, 1);
});

test('names become small and values lose the blanks around them', async (t) => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder(limits);
  for (let i = 0; i < 4; i++) {
    encoder.encodeTrailers('X-Name:  value \t\r\nX-NAME: value\r\nx-name:value\r\nEmpty:\r\n');
    t.equal(decoder.decode(encoder.bytes, 0, encoder.length), FINE);
    t.equal(decoder.section.block, 'x-name: value\r\nx-name: value\r\nx-name: value\r\nempty: \r\n');
    t.equal(encoder.tableSize, decoder.tableSize);
  }
});

test('the text of an error of gRPC keeps the blanks around it as escapes', async (t) => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder(limits);
  for (let i = 0; i < 4; i++) {
    encoder.encodeTrailers('grpc-message:  a b \r\nGrpc-Message:c\t\r\ngrpc-message: \r\ngrpc-message: d%20\r\n');
    t.equal(decoder.decode(encoder.bytes, 0, encoder.length), FINE);
    const values = ['%20a b%20', 'c%09', '', 'd%20'];
    t.equal(decoder.section.block, values.map((value) => `grpc-message: ${value}\r\n`).join(''));
    t.equal(encoder.tableSize, decoder.tableSize);
  }
});

test('a table that was smaller for a while is told as such', async (t) => {
  const encoder = new HpackEncoder();
  encoder.setPeerTableSize(100);
  encoder.setPeerTableSize(4096);
  encoder.encodeTrailers('');
  t.equal(Buffer.from(encoder.bytes.subarray(0, encoder.length)).toString('hex'), '3f453fe11f');
  encoder.encodeTrailers('');
  t.equal(encoder.length, 0);
});
