import { status } from '@grpc/grpc-js';
import type { Test } from 'tap';

import { type Message } from '../support/grpc.ts';
import { clientOf, startWith } from '../support/grpc-gateway.ts';
import { test } from '../support/lanes.ts';
import { startServer } from '../support/model-server.ts';

/** A server of KServe V1 that knows two outputs, behind a gateway with these routes. */
async function setUp(t: Test, routes: string) {
  const server = await startServer((request, response) => {
    const body = request.method === 'GET' ? { name: 'm', ready: true } : { predictions: [{ low: 1, high: 2 }] };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  const gateway = await startWith({
    http: 'mounts: [{ prefix: /tf, protocol: tfserving }]',
    backends: `  flat: { protocol: kserve-v1, endpoints: ['${server.url}'] }`,
    routes,
  });
  const client = clientOf(gateway);
  t.teardown(async () => {
    client.close();
    await gateway.close();
    await server.close();
  });
  const ask = async (path: string, body?: object): Promise<string> => {
    const answer = await fetch(
      gateway.url + path,
      body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) },
    );
    return `${answer.status} ${await answer.text()}`;
  };
  const explain = async (path: string, body?: object): Promise<string> => {
    const answer = await fetch(`${gateway.adminUrl}/admin/explain`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ path, body }),
    });
    const { error } = (await answer.json()) as { error: { message: string } | null };
    return error?.message ?? 'none';
  };
  return { server, client, ask, explain };
}

const any = '  - { name: any, rules: [{ backend: flat }] }';
const inputs = [{ name: 'x', datatype: 'INT64', shape: [1], data: [1] }];
const typed = [{ name: 'x', datatype: 'INT64', shape: [1], contents: { int64_contents: [1] } }];

test('a version that the protocol of the server cannot carry is refused, and an explanation says so', async (t) => {
  const { server, client, ask, explain } = await setUp(t, any);
  const text = /The version in the path, "4", has no translation.* kserve-v1, has no versions/;
  for (const path of ['/v2/models/m/versions/4/infer', '/tf/v1/models/m/versions/4:predict']) {
    const body = path.startsWith('/v2') ? { inputs } : { instances: [1] };
    t.match(await ask(path, body), new RegExp(`^400 .*${text.source.replaceAll('"', '\\\\"')}`), path);
  }
  t.match(await ask('/v2/models/m/versions/4/ready'), /^400 /);
  t.match(await explain('/v2/models/m/versions/4/infer', { inputs }), text);
  const infer: Message = { model_name: 'm', model_version: '4', inputs: typed };
  const answer = await client.unary('ModelInfer', infer);
  t.match(answer, { code: status.INVALID_ARGUMENT, details: /The field "model_version", "4", has no translation/ });
  t.equal(
    await explain('/inference.GRPCInferenceService/ModelInfer', { model_name: 'm', model_version: '4', inputs }),
    answer.details,
  );
  t.equal((await client.unary('ModelReady', { name: 'm', version: '4' })).code, status.INVALID_ARGUMENT);
  t.equal(server.received.length, 0);
});

test("a version that the operator has dealt with is none of the client's business", async (t) => {
  const routes = `
  - { name: rule, match: { model: rule }, rules: [{ when: { version: '4' }, backend: flat }, { backend: flat }] }
  - { name: cel, match: { model: cel }, rules: [{ when: 'version in ["4", "5"]', backend: flat }] }
  - { name: path, match: { path: /v2/models/path/versions/4/infer }, rules: [{ backend: flat }] }
  - { name: prefix, match: { path: { prefix: /v2/models/prefix/ }, version: { not: '3' } }, rules: [{ backend: flat }] }`;
  const { ask, server } = await setUp(t, routes);
  for (const model of ['rule', 'cel', 'path']) {
    const path = `/v2/models/${model}/versions/4/infer`;
    t.match(await ask(path, { inputs }), /^200 .*"model_version":"4"/, model);
    t.equal(server.received.at(-1)?.url, `/v1/models/${model}:predict`);
  }
  t.match(await ask('/v2/models/rule/versions/5/infer', { inputs }), /^400 /, 'the rule for all');
  t.match(await ask('/v2/models/prefix/versions/5/infer', { inputs }), /^400 /, 'excluded others, not this one');
});

test('an output that the model does not give is refused with its name', async (t) => {
  const { client, ask } = await setUp(t, any);
  t.match(await ask('/v2/models/m/infer', { inputs, outputs: [{ name: 'high' }] }), /^200 .*"name":"high"/);
  t.match(
    await ask('/v2/models/m/infer', { inputs, outputs: [{ name: 'top' }] }),
    /^400 .*\\"top\\".*\\"low\\", \\"high\\"/,
  );
  const answer = await client.unary('ModelInfer', { model_name: 'm', inputs: typed, outputs: [{ name: 'top' }] });
  t.match(answer, { code: status.INVALID_ARGUMENT, details: /names "top", which the model does not give/ });
});

test('a client of TF Serving that waits for a model sees when it is ready', async (t) => {
  const { ask, server } = await setUp(t, any);
  t.match(await ask('/tf/v1/models/m'), /^200 \{"model_version_status":\[\{"version":"1","state":"AVAILABLE"/);
  t.equal(server.received.at(-1)?.url, '/v1/models/m');
});

test('a label of TF Serving is no version of another protocol, unless the backend has one', async (t) => {
  const server = await startServer((_, response) => {
    const body = { model_name: 'm', outputs: [{ name: 'y', datatype: 'INT64', shape: [1], data: [1] }] };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  const gateway = await startWith({
    http: 'mounts: [{ prefix: /tf, protocol: tfserving }]',
    backends: `
  any: { protocol: oip, endpoints: ['${server.url}'] }
  fixed: { protocol: oip, endpoints: ['${server.url}'], version: '7' }`,
    routes: `
  - { name: fixed, match: { model: fixed }, rules: [{ backend: fixed }] }
  - { name: any, rules: [{ backend: any }] }`,
  });
  t.teardown(async () => {
    await gateway.close();
    await server.close();
  });
  const ask = async (path: string): Promise<string> => {
    const answer = await fetch(gateway.url + path, { method: 'POST', body: '{"instances":[1]}' });
    return `${answer.status} ${await answer.text()}`;
  };
  const refused = /^400 .*The label in the path, \\"stable\\", has no translation.*oip, has no labels; name a version/;
  t.match(await ask('/tf/v1/models/m/labels/stable:predict'), refused);
  t.match(await ask('/v1/models/m/labels/stable:predict'), refused);
  t.match(await ask('/tf/v1/models/m/labels/4:predict'), /^400 /, 'digits do not make a label a version');
  t.equal(server.received.length, 0);
  t.match(await ask('/tf/v1/models/m/versions/4:predict'), /^200 \{"predictions":\[1\]/);
  t.equal(server.received.at(-1)?.url, '/v2/models/m/versions/4/infer');
  t.match(await ask('/tf/v1/models/fixed/labels/stable:predict'), /^200 /);
  t.equal(server.received.at(-1)?.url, '/v2/models/fixed/versions/7/infer');
});
