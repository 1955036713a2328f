import { Buffer } from 'node:buffer';

import * as fc from 'fast-check';
import { test } from 'tap';

import type { Protocol } from '../../../src/core/facts.ts';
import { jsonObject } from '../json-document.ts';
import { encode, received, translate, translated } from './oracle.ts';

const input = '{"name":"x","shape":[2],"datatype":"FP32","data":[1,2.5],"parameters":{"content_type":"np"}}';
const binary = '{"inputs":[{"name":"x","shape":[2],"datatype":"INT64","parameters":{"binary_data_size":16}}]}';
const message = {
  id: 'q',
  parameters: { a: { int64_param: -1 } },
  inputs: [
    { name: 'x', datatype: 'INT32', shape: [2], contents: { int_contents: [-1, 300] } },
    { name: 's', datatype: 'BYTES', shape: [1], contents: { bytes_contents: [Buffer.from('é')] } },
  ],
  outputs: [{ name: 'y' }],
};
const raw = {
  inputs: [{ name: 's', datatype: 'BYTES', shape: [1] }],
  raw_input_contents: [Buffer.from([1, 0, 0, 0, 65])],
};

/** Good requests of each protocol, with the length of their JSON when something follows it. */
const samples: readonly (readonly [from: Protocol, to: Protocol, body: Buffer, jsonLength: number | null])[] = [
  ['kserve-v1', 'oip', Buffer.from('{"instances":[[1,2.5],[3,-4e5]],"parameters":{"a":1}}'), null],
  ['kserve-v1', 'oip-grpc', Buffer.from('{"instances":[{"a":1,"b":["x"]},{"a":2,"b":["é"]}]}'), null],
  ['oip', 'kserve-v1', Buffer.from(`{"id":"q","inputs":[${input}],"outputs":[{"name":"y"}]}`), null],
  ['oip', 'oip-grpc', Buffer.from(`{"inputs":[${input}],"parameters":{"binary_data_output":true}}`), null],
  ['oip', 'oip-grpc', Buffer.concat([Buffer.from(binary), Buffer.alloc(16, 7)]), binary.length],
  ['oip', 'kserve-v1', Buffer.concat([Buffer.from(binary), Buffer.alloc(16, 7)]), binary.length],
  ['oip-grpc', 'oip', encode('ModelInferRequest', message), null],
  ['oip-grpc', 'kserve-v1', encode('ModelInferRequest', raw), null],
  [
    'mlflow',
    'oip',
    Buffer.from('{"dataframe_split":{"columns":["a","b"],"data":[[1,"x"],[2,"y"]]},"params":{"p":1}}'),
    null,
  ],
  [
    'tfserving',
    'kserve-v1',
    Buffer.from('{"inputs":{"a":[1,2],"b":[[3],[4]]},"signature_name":"serving_default"}'),
    null,
  ],
];

/** Good answers of each protocol that a backend may speak. */
const answers: Partial<Record<Protocol, Buffer>> = {
  oip: Buffer.from(`{"model_name":"m","outputs":[${input}]}`),
  'oip-grpc': encode('ModelInferResponse', { model_name: 'm', outputs: message.inputs }),
  'kserve-v1': Buffer.from('{"predictions":[{"a":1,"b":[2]},{"a":3,"b":[4]}]}'),
};

const edits = fc.array(fc.tuple(fc.nat(), fc.constantFrom('set', 'cut', 'insert'), fc.nat({ max: 255 })), {
  minLength: 1,
  maxLength: 4,
});

function mutate(body: Buffer, changes: readonly (readonly [number, string, number])[]): Buffer {
  let bytes = Buffer.from(body);
  for (const [place, kind, byte] of changes) {
    const at = place % (bytes.length + 1);
    if (kind === 'set') bytes[at] = byte;
    else if (kind === 'cut') bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + (byte % 8))]);
    else bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from([byte]), bytes.subarray(at)]);
  }
  return bytes;
}

/** Whether something was given back that is not much larger than what came. */
function isBounded(result: { readonly body?: Buffer | null }, length: number): boolean {
  return (result.body?.length ?? 0) <= 64 * length + 4096;
}

test('changed requests are translated or refused', async (t) => {
  fc.assert(
    fc.property(fc.constantFrom(...samples), edits, ([from, to, body, jsonLength], changes) => {
      const bytes = mutate(body, changes);
      const result = translate(from, to, bytes, { jsonLength });
      return result.ok ? isBounded(result, bytes.length) : result.message.length < 1000;
    }),
    { seed: 65, numRuns: 12000 },
  );
  t.pass('12000 cases');
});

test('changed answers are translated or refused', async (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom(...samples),
      edits,
      fc.option(fc.nat({ max: 200 })),
      ([from, to, body, length], changes, cut) => {
        const { answer } = translated(from, to, body, { jsonLength: length });
        const bytes = mutate(answers[to]!, changes);
        const result = answer(received(bytes, to === 'oip' ? cut : null));
        return result.ok ? isBounded(result, bytes.length) : result.message.length < 1000;
      },
    ),
    { seed: 66, numRuns: 12000 },
  );
  t.pass('12000 cases');
});

test('random documents and random bytes are refused or translated', async (t) => {
  const names = ['instances', 'inputs', 'outputs', 'dataframe_split', 'dataframe_records', 'predictions', 'parameters'];
  const documents = fc
    .tuple(fc.constantFrom(...names), jsonObject)
    .map(([name, text]) => Buffer.from(`{"${name}":[${text},${text}]}`));
  const bytes = fc.oneof(
    documents,
    fc.uint8Array({ maxLength: 80 }).map((array) => Buffer.from(array)),
  );
  fc.assert(
    fc.property(fc.constantFrom(...samples), bytes, ([from, to, body, length], random) => {
      const result = translate(from, to, random);
      const { answer } = translated(from, to, body, { jsonLength: length });
      const back = answer(received(random));
      return isBounded(result.ok ? result : {}, random.length) && isBounded(back.ok ? back : {}, random.length);
    }),
    { seed: 67, numRuns: 8000 },
  );
  t.pass('8000 cases');
});

test('deep nesting is refused in every place', async (t) => {
  const deep = (text: string) => text.replace('DEEP', '['.repeat(100000) + ']'.repeat(100000));
  const bodies: readonly (readonly [Protocol, Protocol, string])[] = [
    ['kserve-v1', 'oip', '{"instances":DEEP}'],
    ['kserve-v1', 'oip', '{"instances":[{"a":DEEP}]}'],
    ['oip', 'oip-grpc', '{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":DEEP}]}'],
    ['oip', 'kserve-v1', '{"inputs":[{"name":"x","shape":DEEP,"datatype":"FP32","data":[1]}]}'],
    ['mlflow', 'oip', '{"dataframe_split":{"columns":["a"],"data":DEEP}}'],
    ['tfserving', 'kserve-v1', '{"inputs":{"a":DEEP}}'],
  ];
  for (const [from, to, body] of bodies) {
    t.match(translate(from, to, deep(body)), { ok: false, message: /nested too deep; send at most 512 levels/ }, body);
  }
  t.match(translate('kserve-v1', 'oip', `{"instances":["${'['.repeat(600)}"}`), { message: /not valid JSON in UTF-8/ });
  const shallow = '['.repeat(40) + ']'.repeat(40);
  t.match(translate('kserve-v1', 'oip', `{"instances":[${shallow}]}`), {
    reason: 'SHAPE',
    message: /more than 32 dimensions/,
  });
});

test('long names are not repeated for every row without end', async (t) => {
  const name = 'n'.repeat(200000);
  const column = (key: string) =>
    `{"name":"${key}","shape":[100000],"datatype":"INT8","data":[${'1,'.repeat(99999)}1]}`;
  const body = `{"inputs":[${column(name)},${column('b')}]}`;
  t.match(translate('oip', 'kserve-v1', body), { ok: false, reason: 'TOO_MANY_ROWS' });
  const columns = `{"inputs":{"${name}":[${'1,'.repeat(99999)}1]}}`;
  t.match(translate('tfserving', 'kserve-v1', columns), { ok: false, reason: 'TOO_MANY_ROWS' });
});

test('declared sizes do not make anything large', async (t) => {
  const before = process.memoryUsage();
  for (const shape of [
    '[1000000000,1000000000]',
    '[4000000000]',
    '[1000000000,0]',
    '[9007199254740991,9007199254740991,0]',
  ]) {
    for (const to of ['kserve-v1', 'oip-grpc'] as const) {
      const data = `{"inputs":[{"name":"x","shape":${shape},"datatype":"FP64","data":[1]}]}`;
      t.equal(translate('oip', to, data).ok, false, `${shape} to ${to}`);
    }
  }
  const after = process.memoryUsage();
  t.ok(after.rss - before.rss < 64 * 1024 * 1024, 'memory stays as it was');
});
