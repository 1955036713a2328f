import { Buffer } from 'node:buffer';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { status } from '@grpc/grpc-js';
import type { Test } from 'tap';

import { startGateway } from '../support/gateway.ts';
import { GrpcClient, inferAnswering, type Message, startModel } from '../support/grpc.ts';
import { grpcConfig } from '../support/grpc-gateway.ts';
import { test } from '../support/lanes.ts';
import { startServer } from '../support/model-server.ts';
import { until } from '../support/traffic.ts';

const FLOWER = { name: 'flower', datatype: 'FP32', shape: [2, 2], data: [1.5, 2, 1.5, 2] };

/** Servers of three protocols behind a gateway; what each of them got last. */
async function setUp(t: Test, routes: string) {
  const server = await startServer(({ url }, response) => {
    const body = url.startsWith('/v1')
      ? { predictions: [1, 2] }
      : { model_name: 'm', outputs: [{ name: 'y', datatype: 'FP32', shape: [2], data: [1, 2] }] };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  const messages: Message[] = [];
  const model = await startModel(inferAnswering('m', ({ request }) => void messages.push(request)));
  const gateway = await startGateway((folder) => {
    const path = join(folder, 'flower.jsonl');
    writeFileSync(path, '{"id":"x","a":1.5,"b":2}\n');
    const common = `provider: embedded, path: ${JSON.stringify(path)}, keyField: id, fields: { a: float, b: float }`;
    const byHeader = `${common}, entity: { id: { from: 'header:x-id' } }`;
    return grpcConfig({
      http: 'mounts: [{ prefix: /ml, protocol: mlflow, model: tensor }, { prefix: /mg, protocol: mlflow, model: message }]',
      more: `features:
  tensor: { ${byHeader}, into: { tensor: flower, datatype: FP32 } }
  own: { ${byHeader}, into: { tensors: each }, onMissing: reject }
  columns: { ${byHeader}, into: { columns: append } }
  rowwise: { ${common}, entity: { id: { from: 'column:id' } }, into: { tensor: flower, datatype: FP32 } }`,
      backends: `  rest: { protocol: oip, endpoints: ['${server.url}'] }
  rows: { protocol: kserve-v1, endpoints: ['${server.url}'] }
  message: { protocol: oip-grpc, endpoints: ['${model.url}'] }`,
      routes,
    })(folder);
  });
  const client = new GrpcClient(gateway.app.grpcUrl!);
  t.teardown(async () => {
    client.close();
    await gateway.close();
    await server.close();
    model.close();
  });
  const ask = async (path: string, body: unknown, headers: Record<string, string> = {}): Promise<string> => {
    const answer = await fetch(gateway.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-id': 'x', ...headers },
      body: Buffer.isBuffer(body) ? new Uint8Array(body) : JSON.stringify(body),
    });
    return `${answer.status} ${await answer.text()}`;
  };
  const sent = (): Record<string, unknown> => JSON.parse(String(server.received.at(-1)?.body));
  return { server, messages, client, ask, sent };
}

const EACH = `  - { name: tensor, match: { model: tensor }, rules: [{ backend: rest, enrich: [tensor] }] }
  - { name: own, match: { model: own }, rules: [{ backend: rest, enrich: [own] }] }
  - { name: rowwise, match: { model: rowwise }, rules: [{ backend: rest, enrich: [rowwise] }] }
  - { name: message, match: { model: message }, rules: [{ backend: message, enrich: [tensor] }] }
  - { name: columns, match: { model: columns }, rules: [{ backend: rows, enrich: [columns] }] }`;

test('features of a request in rows are tensors of the one that it is translated into', async (t) => {
  const { ask, sent, messages } = await setUp(t, EACH);
  const instances = [
    [1, 2, 3],
    [4, 5, 6],
  ];
  t.match(await ask('/v1/models/tensor:predict', { instances }), /^200 /);
  t.match(sent(), { inputs: [{ shape: [2, 3] }, FLOWER] });
  t.match(await ask('/v1/models/message:predict', { instances }), /^200 /);
  t.match(messages.at(-1)?.['inputs'], [
    {},
    { name: 'flower', shape: [2, 2], contents: { fp32_contents: [1.5, 2, 1.5, 2] } },
  ]);
  const objects = [
    { id: 'x', v: 1 },
    { id: 'x', v: 2 },
  ];
  t.match(await ask('/v1/models/rowwise:predict', { instances: objects }), /^200 /);
  t.match(sent(), { inputs: [{ name: 'id' }, { name: 'v' }, FLOWER] });
});

test('features of MLflow requests are tensors, whichever form their data have', async (t) => {
  const { ask, sent, messages } = await setUp(t, EACH);
  const bodies = [
    { inputs: [[1], [2]] },
    { inputs: { v: [1, 2] } },
    { instances: [[1], [2]] },
    { dataframe_split: { columns: ['v'], data: [[1], [2]] } },
    { dataframe_records: [{ v: 1 }, { v: 2 }] },
  ];
  for (const body of bodies) {
    t.match(await ask('/ml/invocations', body), /^200 /, JSON.stringify(body));
    t.match(sent(), { inputs: [{}, FLOWER] });
    t.match(await ask('/mg/invocations', body), /^200 /);
    t.match(messages.at(-1)?.['inputs'], [{}, { name: 'flower', shape: [2, 2] }]);
  }
});

test('features of tensors are columns of the rows that they are translated into', async (t) => {
  const { ask, sent, client } = await setUp(t, EACH);
  const tensor = (name: string, shape: number[], data: number[]) => ({ name, shape, datatype: 'INT64', data });
  t.match(await ask('/v2/models/columns/infer', { inputs: [tensor('v', [2, 1], [7, 8])] }), /^200 /);
  t.strictSame(sent(), {
    instances: [
      [7, 1.5, 2],
      [8, 1.5, 2],
    ],
  });
  const named = [tensor('v', [2], [7, 8]), tensor('a', [2], [0, 9])];
  t.match(await ask('/v2/models/columns/infer', { inputs: named }), /^200 /);
  const rows = [
    { v: 7, a: 0, b: 2 },
    { v: 8, a: 9, b: 2 },
  ];
  t.strictSame(sent(), { instances: rows }, 'the columns of the request stay');
  const inputs = named.map(({ name, datatype, shape, data }) => {
    return { name, datatype, shape, contents: { int64_contents: data } };
  });
  const answer = await client.unary('ModelInfer', { model_name: 'columns', inputs }, { metadata: { 'x-id': 'x' } });
  t.equal(answer.code, status.OK);
  t.strictSame(sent(), { instances: rows });
});

test('what rows bring themselves stays as tensors, and needs no store', async (t) => {
  const { ask, sent } = await setUp(t, EACH);
  for (const [path, body] of [
    ['/v1/models/own:predict', { instances: [{ a: 7, b: 8 }] }],
    ['/v1/models/own:predict', { inputs: { a: [7], b: [8] } }],
  ] as const) {
    t.match(await ask(path, body, { 'x-id': 'nobody' }), /^200 /);
    t.match(sent(), {
      inputs: [
        { name: 'a', data: [7] },
        { name: 'b', data: [8] },
      ],
    });
  }
});

test('a body that was compressed gets its features behind the translation', async (t) => {
  const { server, ask, sent } = await setUp(t, EACH);
  const zipped = gzipSync('{"instances":[[1],[2]]}');
  t.match(await ask('/v1/models/tensor:predict', zipped, { 'content-encoding': 'gzip' }), /^200 /);
  t.match(sent(), { inputs: [{}, FLOWER] });
  t.equal(server.received.at(-1)?.headers['content-encoding'], undefined);
});

test('each backend and each shadow gets the features in the form of its protocol', async (t) => {
  const { server, messages, ask } = await setUp(
    t,
    '  - { name: all, rules: [{ backend: message, enrich: [tensor], shadow: [{ backend: rest }] }] }',
  );
  const inputs = [{ name: 'v', shape: [2, 1], datatype: 'FP32', data: [1, 2] }];
  for (const [path, body] of [
    ['/v2/models/m/infer', { inputs }],
    ['/v1/models/m:predict', { instances: [[1], [2]] }],
  ] as const) {
    server.received.length = 0;
    t.match(await ask(path, body), /^200 /);
    t.match(messages.at(-1)?.['inputs'], [{}, { name: 'flower', shape: [2, 2] }], path);
    await until('the copy came', () => server.received.length === 1);
    const copy: unknown = JSON.parse(String(server.received[0]?.body));
    t.match(copy, { inputs: [{}, FLOWER] }, path);
  }
});

test('features that a request has no place for are refused with a text that says so, and nothing is sent', async (t) => {
  const { server, ask } = await setUp(t, EACH);
  for (const operation of ['generate', 'generate_stream']) {
    const answer = await ask(`/v2/models/tensor/${operation}`, { text_input: 'a' });
    t.match(answer, /^400 .*input tensors, which a generate request does not have/, operation);
  }
  const structured = { 'content-type': 'application/cloudevents+json' };
  const event = { specversion: '1.0', type: 't', source: 's', id: '1', data: { instances: [[1]] } };
  t.match(await ask('/v1/models/columns:predict', event, structured), /^400 .*structured CloudEvent.*ce- headers/);
  t.equal(server.received.length, 0);
});
