import { Buffer } from 'node:buffer';

import { type Test, test } from 'tap';

import {
  type DecodeVerdict,
  FINE,
  HpackDecoder,
  MALFORMED,
  TOO_LARGE,
  UNDECODABLE,
} from '../../../src/protocol/http2/hpack-decoder.ts';
import { block, hex, requestFields } from './frame-bytes.ts';

const limits = { maxListBytes: 16384, maxFields: 100 };

function decode(decoder: HpackDecoder, bytes: Buffer): DecodeVerdict {
  return decoder.decode(bytes, 0, bytes.length);
}

/** Fields of a fine block, pseudo fields first. */
function fieldsOf(decoder: HpackDecoder, bytes: Buffer): string[] {
  if (decode(decoder, bytes) !== FINE) throw new Error(decoder.problem || decoder.section.problem);
  const { method, scheme, authority, path, status, block: lines } = decoder.section;
  const pseudo = [method, scheme, authority, path, status === 0 ? '' : String(status)];
  return [...pseudo, ...lines.split('\r\n')].filter((text) => text !== '');
}

/** RFC 7541 appendix C: the octets, what they mean, and the size of the table after them. */
type Example = readonly [code: string, fields: readonly string[], size: number];

function follow(t: Test, examples: readonly Example[], tableSize = 4096): void {
  const decoder = new HpackDecoder(limits);
  if (tableSize !== 4096) {
    // The examples do without the change of size that would come first.
    decoder.setTableSize(tableSize);
    t.equal(decode(decoder, hex('3f e1 01')), FINE);
  }
  for (const [code, fields, size] of examples) {
    t.strictSame(fieldsOf(decoder, hex(code)), fields, code.slice(0, 20));
    t.equal(decoder.tableSize, size);
  }
}

test('literals are read as in RFC 7541 C.2', async (t) => {
  follow(t, [['400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572', ['custom-key: custom-header'], 55]]);
  follow(t, [['040c 2f73 616d 706c 652f 7061 7468', ['/sample/path'], 0]]);
  follow(t, [['1008 7061 7373 776f 7264 0673 6563 7265 74', ['password: secret'], 0]]);
  follow(t, [['82', ['GET'], 0]]);
});

const first = ['GET', 'http', 'www.example.com', '/'];
const second = [...first, 'cache-control: no-cache'];
const third = ['GET', 'https', 'www.example.com', '/index.html', 'custom-key: custom-value'];

test('requests are read as in RFC 7541 C.3', async (t) => {
  follow(t, [
    ['8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d', first, 57],
    ['8286 84be 5808 6e6f 2d63 6163 6865', second, 110],
    ['8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65', third, 164],
  ]);
});

test('requests with Huffman codes are read as in RFC 7541 C.4', async (t) => {
  follow(t, [
    ['8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff', first, 57],
    ['8286 84be 5886 a8eb 1064 9cbf', second, 110],
    ['8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf', third, 164],
  ]);
});

const date = 'date: Mon, 21 Oct 2013 20:13:21 GMT';
const location = 'location: https://www.example.com';
const answers: ReadonlyArray<readonly string[]> = [
  ['302', 'cache-control: private', date, location],
  ['307', 'cache-control: private', date, location],
  [
    '200',
    'cache-control: private',
    'date: Mon, 21 Oct 2013 20:13:22 GMT',
    location,
    'content-encoding: gzip',
    'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
  ],
];

test('responses that push entries out of the table are read as in RFC 7541 C.5', async (t) => {
  const codes = [
    '4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d' +
      '546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
    '4803 3330 37c1 c0bf',
    '88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f' +
      '6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630' +
      '303b 2076 6572 7369 6f6e 3d31',
  ];
  follow(
    t,
    codes.map((code, i) => [code, answers[i]!, [222, 222, 215][i]!]),
    256,
  );
});

test('responses with Huffman codes are read as in RFC 7541 C.6', async (t) => {
  const codes = [
    '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7' +
      '8f0b 97c8 e9ae 82ae 43d3',
    '4883 640e ffc1 c0bf',
    '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335' +
      'dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
  ];
  follow(
    t,
    codes.map((code, i) => [code, answers[i]!, [222, 222, 215][i]!]),
    256,
  );
});

test('a block that came before means the same, until the table changes', async (t) => {
  const decoder = new HpackDecoder(limits);
  fieldsOf(decoder, hex('4001 61 01 31'));
  t.strictSame(fieldsOf(decoder, hex('be')), ['a: 1']);
  t.strictSame(fieldsOf(decoder, hex('be')), ['a: 1']);
  fieldsOf(decoder, hex('4001 62 01 32'));
  t.strictSame(fieldsOf(decoder, hex('be')), ['b: 2']);
  t.strictSame(fieldsOf(decoder, hex('bf')), ['a: 1']);
  t.strictSame(fieldsOf(decoder, hex('bf be')), ['a: 1', 'b: 2']);
  // A table without entries: the octets mean nothing any more.
  t.equal(decode(decoder, hex('20')), FINE);
  t.equal(decode(decoder, hex('be')), UNDECODABLE);
});

test('blocks that are nearly the same are not taken for each other', async (t) => {
  const decoder = new HpackDecoder(limits);
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 10; i++) {
      const fields = [...requestFields, ['a', 'x'], ['b', String(i)], ['c', 'y']] as const;
      t.equal(decode(decoder, block(...fields)), FINE);
      t.equal(decoder.section.block, `a: x\r\nb: ${i}\r\nc: y\r\n`);
    }
  }
});

test('a block in pieces of the section of another one has nothing of it', async (t) => {
  const decoder = new HpackDecoder(limits);
  t.equal(decode(decoder, block(...requestFields, ['content-length', '7'])), FINE);
  t.equal(decoder.section.contentLength, 7);
  for (let i = 0; i < 8; i++) t.equal(decode(decoder, block([':status', '200'], ['x', String(i)])), FINE);
  const { method, path, status, contentLength } = decoder.section;
  t.strictSame({ method, path, status, contentLength }, { method: '', path: '', status: 200, contentLength: -1 });
});

test('a smaller table is announced by the first block after its acknowledgement, or nothing can be decoded', async (t) => {
  const smaller = (): HpackDecoder => {
    const decoder = new HpackDecoder(limits);
    fieldsOf(decoder, hex('4001 61 01 31'));
    fieldsOf(decoder, hex('be'));
    decoder.setTableSize(64);
    return decoder;
  };
  t.equal(decode(smaller(), hex('be')), UNDECODABLE);
  t.equal(decode(smaller(), hex('3f 22 be')), UNDECODABLE, '65 octets');
  t.strictSame(fieldsOf(smaller(), hex('3f 21 be')), ['a: 1']);
  t.equal(decode(smaller(), hex('20 3f 21 be')), UNDECODABLE, 'the table was emptied on the way');
});

test('fields beyond the limits are counted, not kept, and the table goes on', async (t) => {
  const decoder = new HpackDecoder({ maxListBytes: 8192, maxFields: 100 });
  // An entry of 3 KiB, and one octet for each time that it comes again.
  const name = Buffer.concat([hex('40 01 61 7f 81 17'), Buffer.alloc(3072, 'x')]);
  t.equal(decode(decoder, name), FINE);
  const bomb = Buffer.alloc(16000, 0xbe);
  t.equal(decode(decoder, bomb), TOO_LARGE);
  t.ok(decoder.section.block.length < 8192);
  t.equal(decode(decoder, Buffer.from([0xbe])), FINE);
  const many = new HpackDecoder(limits);
  t.equal(decode(many, Buffer.alloc(101, hex('40 01 61 00').toString('latin1'), 'latin1')), UNDECODABLE, 'cut off');
  t.equal(decode(many, Buffer.concat(Array.from({ length: 101 }, () => hex('00 01 61 00')))), TOO_LARGE);
  t.equal(decode(many, Buffer.concat(Array.from({ length: 100 }, () => hex('00 01 61 00')))), FINE);
});

test('a malformed section leaves the table as its octets say', async (t) => {
  const decoder = new HpackDecoder(limits);
  t.equal(decode(decoder, hex('40 01 41 01 31 40 01 62 01 32')), MALFORMED);
  t.strictSame(fieldsOf(decoder, hex('be')), ['b: 2']);
  t.equal(decode(decoder, hex('bf')), MALFORMED, 'the bad field stands in the table as well');
});

test('spaces around the text of an error of gRPC are kept as escapes, before other values they are a fault', async (t) => {
  const decoder = new HpackDecoder(limits);
  for (const [sent, kept] of [
    ['broken: ', 'broken:%20'],
    ['  two  ', '%20%20two%20%20'],
    ['  ', '%20%20'],
    ['100%25 sure', '100%25 sure'],
    ['', ''],
  ] as const) {
    t.equal(decode(decoder, block(['grpc-status', '2'], ['grpc-message', sent])), FINE, sent);
    t.equal(decoder.section.block, `grpc-status: 2\r\ngrpc-message: ${kept}\r\n`);
  }
  for (const sent of ['\ta', ' \ta', 'a\t', ' a\t', ' a\nb', 'a\0 ']) {
    t.equal(decode(decoder, block(['grpc-status', '2'], ['grpc-message', sent])), MALFORMED, JSON.stringify(sent));
  }
  t.equal(decode(decoder, block(['x-message', ' a'])), MALFORMED);
  // 'grpc-message: a ' as an entry of the table, then by its index: 12 + 2 + 32 octets, as the peer counts them.
  const entry = Buffer.concat([hex('40 0c'), Buffer.from('grpc-message'), hex('02 61 20')]);
  t.strictSame(fieldsOf(decoder, entry), ['grpc-message: a%20']);
  t.strictSame(fieldsOf(decoder, hex('be')), ['grpc-message: a%20']);
  t.equal(decoder.tableSize, 46);
});

test('an entry that is larger than the table empties it', async (t) => {
  const decoder = new HpackDecoder(limits);
  fieldsOf(decoder, hex('3f 03 40 01 61 01 31'));
  t.equal(decoder.tableSize, 34);
  t.strictSame(fieldsOf(decoder, hex('40 01 62 02 32 33')), ['b: 23']);
  t.equal(decoder.tableSize, 0);
});

test('a table of many small entries keeps their order', async (t) => {
  const decoder = new HpackDecoder({ maxListBytes: 1 << 20, maxFields: 5000 });
  decoder.setTableSize(1 << 16);
  fieldsOf(decoder, hex('3f e1 ff 03'));
  for (let i = 0; i < 1500; i++) fieldsOf(decoder, Buffer.concat([hex('40 01 61 04'), Buffer.from(String(1000 + i))]));
  t.equal(decoder.tableSize, 1500 * 37);
  const indexed = (age: number): Buffer => {
    const rest = 62 + age - 127;
    return rest < 0 ? Buffer.from([0x80 | (62 + age)]) : Buffer.from([0xff, (rest & 127) | 128, rest >> 7]);
  };
  for (const age of [0, 1, 127, 128, 129, 1000, 1499])
    t.strictSame(fieldsOf(decoder, indexed(age)), [`a: ${2499 - age}`], `${age}`);
  t.equal(decode(decoder, indexed(1500)), UNDECODABLE);
});
