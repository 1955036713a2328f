import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';

import { configHead, startGateway } from '../support/gateway.ts';
import { test } from '../support/lanes.ts';
import { startServer } from '../support/model-server.ts';
import { inferPath, openClient, until } from '../support/traffic.ts';

const ROWS = [
  { key: 'lale', len: 5.1, width: 3.5, petals: 6, tag: 'kırmızı "lale" \n', wild: true },
  { key: 'gül', len: 0.1, width: -2.25e-7, petals: 32, tag: '🌹', wild: false },
  { key: 'bare', len: 1e21, width: null, petals: 0 },
];
const TABLE = ROWS.map((row) => `${JSON.stringify(row)}\n`).join('');

/** One route for each view, which serves a model of the name of the view. */
async function start(t: Test, views: Record<string, string>, protocol = 'oip') {
  const server = await startServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"model_name":"m","outputs":[]}');
  });
  t.teardown(() => server.close());
  const names = Object.keys(views);
  const gateway = await startGateway((folder) => {
    writeFileSync(join(folder, 'rows.jsonl'), TABLE);
    const common = `provider: embedded, path: '${join(folder, 'rows.jsonl')}'`;
    return `${configHead(folder)}
backends: { m: { protocol: ${protocol}, endpoints: ['${server.url}'] } }
features:
${names.map((name) => `  ${name}: { ${common}, ${views[name]} }`).join('\n')}
routes:
${names.map((name) => `  - { name: ${name}, match: { model: ${name} }, rules: [{ enrich: [${name}], backend: m }] }`).join('\n')}
`;
  });
  t.teardown(() => gateway.close());
  const client = openClient(gateway.url, 1);
  t.teardown(() => client.close());
  /** What the model server gets for a body, or the code of the error. */
  const ask = async (path: string, body: string, headers: Record<string, string> = {}): Promise<string> => {
    server.received.length = 0;
    const answer = await client.post(path, body, headers);
    if (answer.status !== 200) return `${answer.status} ${String(answer.headers['makas-error'])}`;
    return String(server.received[0]?.body);
  };
  return { gateway, ask };
}

const BY_BODY = "entity: { id: { from: 'body:parameters.id' } }";
const BY_HEADER = "entity: { id: { from: 'header:x-flower' } }";
const NUMBERS = 'fields: { len: float, width: float, petals: int }';
const MIXED = 'fields: { len: float, tag: string, wild: bool, petals: int }';

test('values arrive exactly, in each form of the Open Inference Protocol, and the rest byte for byte', async (t) => {
  const { ask } = await start(t, {
    one: `${BY_BODY}, ${NUMBERS}, into: { tensor: lab, datatype: FP64 }, onMissing: { default: -1 }`,
    each: `${BY_BODY}, ${MIXED}, into: { tensors: each }, onMissing: reject`,
    keys: `${BY_BODY}, ${MIXED}, into: { parameters: 'f_' }`,
    place: `${BY_BODY}, ${MIXED}, into: { pointer: /parameters/extra }`,
  });
  // Odd but valid bytes, which a parser that writes again would change.
  const inputs = '[ {"name":"x" ,"datatype":"FP32","shape":[1],"data":[1.10, 1e0]} ]';
  const body = (id: string, more = ''): string =>
    `{ "id":"\\u0041", "parameters":{"id":"${id}"${more}},"inputs":${inputs} }`;

  const rest = inputs.slice(0, -2);
  const lab = (data: string): string => `${rest},{"name":"lab","shape":[1,3],"datatype":"FP64","data":[${data}]} ]`;
  t.equal(await ask(inferPath('one'), body('lale')), body('lale').replace(inputs, lab('5.1,3.5,6')));
  t.equal(await ask(inferPath('one'), body('gül')), body('gül').replace(inputs, lab('0.1,-2.25e-7,32')));
  t.equal(await ask(inferPath('one'), body('bare')), body('bare').replace(inputs, lab('1e+21,-1,0')));
  t.equal(await ask(inferPath('one'), body('nobody')), body('nobody').replace(inputs, lab('-1,-1,-1')));

  const tensor = (name: string, datatype: string, data: string): string =>
    `{"name":"${name}","shape":[1,1],"datatype":"${datatype}","data":[${data}]}`;
  const got = await ask(inferPath('each'), body('lale'));
  t.ok(got.startsWith(`{ "id":"\\u0041", "parameters":{"id":"lale"},"inputs":${rest},`), got);
  const added = (JSON.parse(got) as { inputs: { name: string }[] }).inputs.slice(1);
  t.same(
    added.map(({ name }) => name),
    ['len', 'tag', 'wild', 'petals'],
  );
  t.ok(got.includes(tensor('tag', 'BYTES', JSON.stringify(ROWS[0]!.tag))), got);
  t.ok(got.includes(tensor('wild', 'BOOL', 'true')), got);
  t.match(added, [{ data: [5.1] }, { data: [ROWS[0]!.tag] }, { data: [true] }, { data: [6] }]);
  t.equal(await ask(inferPath('each'), body('bare')), '422 FEATURE_MISSING');

  const keys = `,"f_len":0.1,"f_tag":"🌹","f_wild":false,"f_petals":32`;
  t.equal(await ask(inferPath('keys'), body('gül')), body('gül', keys));
  const nulls = `,"f_len":1e+21,"f_tag":null,"f_wild":null,"f_petals":0`;
  t.equal(await ask(inferPath('keys'), body('bare')), body('bare', nulls));
  t.equal(
    await ask(inferPath('place'), body('gül', ', "extra": {"a":01e1}'.replace('01e1', '1.0e1'))),
    body('gül', ', "extra": {"a":1.0e1,"len":0.1,"tag":"🌹","wild":false,"petals":32}'),
  );
});

test('values arrive exactly in the rows of KServe V1, for each entity its own', async (t) => {
  const column = "entity: { id: { from: 'column:0' } }";
  const named = "entity: { id: { from: 'column:id' } }";
  const { ask } = await start(
    t,
    {
      back: `${column}, ${NUMBERS}, into: { columns: append }, onMissing: { default: 0 }`,
      front: `${column}, ${NUMBERS}, into: { columns: prepend }, onMissing: { default: 0 }`,
      object: `${named}, ${NUMBERS}, into: { columns: append }, onMissing: { default: 0 }`,
    },
    'kserve-v1',
  );
  const path = (model: string): string => `/v1/models/${model}:predict`;
  const rows = '{"instances":[["gül", 1.50],["nobody",2],[ "lale",3]],"x":NaN}';
  t.equal(
    await ask(path('back'), rows),
    '{"instances":[["gül", 1.50,0.1,-2.25e-7,32],["nobody",2,0,0,0],[ "lale",3,5.1,3.5,6]],"x":NaN}',
  );
  t.equal(
    await ask(path('front'), rows),
    '{"instances":[[0.1,-2.25e-7,32,"gül", 1.50],[0,0,0,"nobody",2],[5.1,3.5,6, "lale",3]],"x":NaN}',
  );
  t.equal(
    await ask(path('object'), '{"instances":[{"id":"lale","v":1.0}]}'),
    '{"instances":[{"id":"lale","v":1.0,"len":5.1,"width":3.5,"petals":6}]}',
  );
});

test('a batch of entities is a batch of rows', async (t) => {
  const ids = "entity: { id: { from: 'body:parameters.ids' } }";
  const { ask } = await start(t, {
    batch: `${ids}, ${NUMBERS}, into: { tensor: lab, datatype: FP64 }, onMissing: { default: 0 }`,
    tensor: `entity: { id: { from: 'tensor:flower' } }, ${NUMBERS}, into: { tensor: lab, datatype: FP64 }, onMissing: { default: 0 }`,
  });
  const wanted = [{ name: 'lab', shape: [3, 3], datatype: 'FP64', data: [5.1, 3.5, 6, 0, 0, 0, 0.1, -2.25e-7, 32] }];
  const batch = JSON.stringify({ parameters: { ids: ['lale', 'nobody', 'gül'] }, inputs: [] });
  t.same((JSON.parse(await ask(inferPath('batch'), batch)) as { inputs: object[] }).inputs, wanted);
  const flower = { name: 'flower', datatype: 'BYTES', shape: [3, 1], data: ['lale', 'nobody', 'gül'] };
  const got = await ask(inferPath('tensor'), JSON.stringify({ inputs: [flower] }));
  t.same((JSON.parse(got) as { inputs: object[] }).inputs, [flower, ...wanted]);
});

test('values of the request win or lose, as configured', async (t) => {
  const view = (into: string, prefer: string): string =>
    `${BY_HEADER}, ${NUMBERS}, into: ${into}, prefer: ${prefer}, onMissing: { default: 0 }`;
  const { ask, gateway } = await start(t, {
    tensorOwn: view('{ tensor: lab, datatype: FP64 }', 'request'),
    tensorStore: view('{ tensor: lab, datatype: FP64 }', 'store'),
    keysOwn: view('{ parameters: f_ }', 'request'),
    keysStore: view('{ parameters: f_ }', 'store'),
  });
  const headers = { 'x-flower': 'lale' };
  const own = '{"inputs":[{"name":"lab","datatype":"FP64","shape":[1,3],"data":[7.0,8,9]}]}';
  t.equal(await ask(inferPath('tensorOwn'), own, headers), own);
  t.match(JSON.parse(await ask(inferPath('tensorStore'), own, headers)), { inputs: [{ data: [5.1, 3.5, 6] }] });

  const some = '{"parameters":{"f_width":7.50},"inputs":[]}';
  t.equal(
    await ask(inferPath('keysOwn'), some, headers),
    '{"parameters":{"f_width":7.50,"f_len":5.1,"f_petals":6},"inputs":[]}',
  );
  t.same(JSON.parse(await ask(inferPath('keysStore'), some, headers)), {
    parameters: { f_len: 5.1, f_width: 3.5, f_petals: 6 },
    inputs: [],
  });
  t.equal(await gateway.metric('makas_features_total{view="tensorOwn",status="overridden"}'), 3);
  t.equal(await gateway.metric('makas_features_total{view="keysOwn",status="overridden"}'), 1);
  t.equal(await gateway.metric('makas_features_total{view="keysOwn",status="present"}'), 2);
});

test('a file that is replaced while requests come is taken over whole, and a broken one is not', async (t) => {
  const { ask, gateway } = await start(t, {
    keys: `${BY_BODY}, ${NUMBERS}, into: { parameters: '' }, onMissing: { default: 0 }`,
  });
  const path = join(gateway.folder, 'rows.jsonl');
  const body = '{"parameters":{"id":"lale"},"inputs":[]}';
  const seen = new Set<string>();
  const value = async (): Promise<number> => {
    const got = await ask(inferPath('keys'), body);
    seen.add(got);
    return (JSON.parse(got) as { parameters: { len: number } }).parameters.len;
  };
  t.equal(await value(), 5.1);
  const replace = (text: string): void => {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  };
  replace('{"key":"lale","len":6,"width":6,"petals":6}\n');
  await until('the new file is served', async () => (await value()) === 6);
  const failed = 'makas_feature_file_reads_total{result="failed"}';
  replace('{"key":"lale","len":7,"width":7,"petals":7}\n{"key":\n');
  await until('the broken file was tried', async () => {
    await value();
    return (await gateway.metric(failed)) > 0;
  });
  t.equal(await value(), 6, 'the old rows stay');
  writeFileSync(path, '{"key":"lale","len":8,"width":8,"petals":8}\n');
  await until('a file written in place is served', async () => (await value()) === 8);
  const mixed = [...seen].filter((text) => new Set(text.match(/(?<=":)[\d.]+/g)).size > 1 && !text.includes('5.1'));
  t.same(mixed, [], 'no request saw half of a file');
});
