import { Buffer } from 'node:buffer';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';

import { test, type Test } from 'tap';

import { configHead, startGateway } from '../../support/gateway.ts';
import { answerInfer, startServer } from '../../support/model-server.ts';
import { RawClient } from '../../support/raw-client.ts';

/** Makes it a request for the main lane, and is dropped there. */
const MAIN = 'TE: x';

const byPath = `
  - { prefix: /wine, protocol: mlflow, model: wine }
  - { prefix: /any, protocol: sagemaker, modelFrom: 'header:x-model' }
  - { prefix: /tf, protocol: tfserving }
  - { prefix: /app, protocol: ray-serve, model: app }
  - { prefix: /all, model: wine }
  - { path: /predict, protocol: vertex, model: score }
`;
const byHost = `
  - { host: ray.example, protocol: ray-serve, model: app }
  - { host: wine.example, protocol: mlflow, model: wine }
`;

const hosts = ['g', 'ray.example', 'RAY.example:80', 'wine.example', ''];

/** Paths of POST requests, some with a header. */
const requests: readonly (readonly [path: string, header?: string])[] = [
  ['/p/v2/models/m/infer'],
  ['/v2/models/m/infer'],
  ['/p/v2/models/m/infer', 'seldon-model: n'],
  ['/p/v2/models/infer', 'Seldon-Model: n'],
  ['/p/v2/models/infer'],
  ['/p/v2/models/m/infer', 'seldon-model: a/b'],
  ['/p/v2/repository/index'],
  ['/p/v2/models/m/ready'],
  ['/p/v1/models/m:predict'],
  ['/p/v1/models/m/labels/a:classify'],
  ['/p/v1/chat/completions'],
  ['/p/invocations'],
  ['/wine/invocations'],
  ['/wine/v2/models/m/infer'],
  ['/%77ine/invocations'],
  ['/any/invocations', 'X-Model: wine'],
  ['/any/invocations', `x-model: ${Buffer.from('şarap').toString('latin1')}`],
  ['/any/invocations'],
  ['/tf/v1/models/m:predict'],
  ['/app'],
  ['/app/a/b%20c?d=e'],
  ['/app/../x'],
  ['/app/-/routes'],
  ['/app/a%2Fb'],
  ['/all/v2/models/infer'],
  ['/all/api/v1.0/predictions'],
  ['/all/api/v1.0/feedback'],
  ['/predict'],
  ['/invocations'],
  ['/nothing'],
  ['/rewards'],
  ['/%72ewards'],
  ['/api/v1.0/feedback'],
  ['/v2/models/m%2Finfer'],
  ['/%zz'],
];

async function compareLanes(t: Test, mounts: string, names: readonly string[]): Promise<void> {
  const model = await startServer(answerInfer('m'));
  t.teardown(() => model.close());
  const gateway = await startGateway(
    (folder) => `${configHead(folder).replace('port: 0', `port: 0, prefix: /p, mounts: [${listOf(mounts)}]`)}
backends:
  oip: { protocol: oip, endpoints: ["${model.url}"] }
  v1: { protocol: kserve-v1, endpoints: ["${model.url}"] }
  tfserving: { protocol: tfserving, endpoints: ["${model.url}"] }
  mlflow: { protocol: mlflow, endpoints: ["${model.url}"] }
  vertex: { protocol: vertex, endpoints: ["${model.url}"] }
  seldon: { protocol: seldon-v1, endpoints: ["${model.url}"] }
  ray: { protocol: ray-serve, endpoints: ["${model.url}"] }
  openai: { protocol: openai, endpoints: ["${model.url}"] }
routes:
${[
  ['oip', 'oip'],
  ['kserve-v1', 'v1'],
  ['tfserving', 'tfserving'],
  ['mlflow', 'mlflow'],
  ['sagemaker', 'mlflow'],
  ['vertex', 'vertex'],
  ['seldon-v1', 'seldon'],
  ['ray-serve', 'ray'],
  ['openai', 'openai'],
]
  .map(
    ([name, backend]) =>
      `  - { name: ${name}, expose: true, match: { protocol: ${name} }, rules: [{ backend: ${backend} }] }`,
  )
  .join('\n')}
`,
  );
  t.teardown(() => gateway.close());
  let byMainLane = 0;
  const { port } = new URL(gateway.url);
  const note = (message: unknown): void => {
    const { socket } = (message as { request: IncomingMessage }).request;
    if (String(socket.localPort) === port) byMainLane++;
  };
  subscribe('http.server.request.start', note);
  t.teardown(() => unsubscribe('http.server.request.start', note));

  let byExpressLane = 0;
  for (const host of names) {
    for (const [path, header] of requests) {
      const ask = async (...more: string[]) => {
        const lines = [`POST ${path} HTTP/1.1`, `Host: ${host}`, ...(header === undefined ? [] : [header]), ...more];
        const client = await RawClient.connect(gateway.url);
        client.send(
          [...lines, 'x-request-id: r', 'content-type: application/json', 'Content-Length: 2', '', '{}'].join('\r\n'),
        );
        const answer = await client.answer();
        client.close();
        const headers = [...(answer?.headers ?? [])].filter(([name]) => name !== 'date' && name !== 'connection');
        const asked = model.received.splice(0).map(({ method, url, rawHeaders }) => [method, url, rawHeaders]);
        return { status: answer?.status, headers, body: String(answer?.body), asked };
      };
      byMainLane = 0;
      const express = await ask();
      byExpressLane += 1 - byMainLane;
      t.strictSame(express, await ask(MAIN), `${host} ${path} ${header ?? ''}`);
    }
  }
  t.ok(byExpressLane >= names.length * 10, `the express lane took ${byExpressLane}`);
  const { started, completed } = await gateway.ledger();
  t.equal(started, completed);
}

function listOf(mounts: string): string {
  return mounts
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace('  - ', ''))
    .join(', ');
}

test('both lanes read paths at mounts alike', async (t) => {
  await compareLanes(t, byPath, ['g']);
});

test('both lanes read hosts of mounts alike', async (t) => {
  await compareLanes(t, byHost + byPath, hosts);
});
