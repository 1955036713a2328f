import { Buffer } from 'node:buffer';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';

import { test } from 'tap';

import { configHead, startGateway } from '../../support/gateway.ts';
import { answerInfer, startServer } from '../../support/model-server.ts';
import { type RawAnswer, RawClient, rawRequest } from '../../support/raw-client.ts';

const INFER = '/p/v2/models/m/infer';

/** Makes it a request for the main lane, and is dropped there. */
const MAIN = 'TE: x';

const requests: Record<string, { path: string; body: string; headers?: string[] }> = {
  'a good one': { path: INFER, body: '{"inputs":[]}', headers: ['x-user: \xc3\xbc', 'Cookie: a=1', 'Cookie: b=2'] },
  'one with a query': { path: `${INFER}?a=%20b&c`, body: '{}', headers: ['X-Request-Id: kept', 'Makas-Decision: x'] },
  'one without a body': { path: INFER, body: '' },
  'one for another arm': { path: INFER, body: '{"parameters":{"arm":"b"}}' },
  'one without a route': { path: '/p/v2/models/other/infer', body: '{}' },
  'one in another protocol': { path: '/p/v1/models/m:predict', body: '{"instances":[]}' },
  'one whose tensors lie': { path: INFER, body: '{}', headers: ['Inference-Header-Content-Length: 99'] },
  'one with an encoded name': { path: '/p/v2/models/%6D/infer', body: '{}' },
};

/** What of an answer must not differ; the rest is made anew for each. */
function shape(answer: RawAnswer | null): object | null {
  if (answer === null) return null;
  const headers = [...answer.headers].filter(
    ([name, value]) => name !== 'date' && !(name === 'x-request-id' && value !== 'kept'),
  );
  return { status: answer.status, headers, body: answer.body.toString('latin1') };
}

test('the core cannot tell the lanes apart: same answers, same requests at the model server, same counts', async (t) => {
  const model = await startServer(answerInfer('m'));
  const gateway = await startGateway(
    (folder) => `${configHead(folder, 'prefix: /p')}
backends:
  a: { protocol: oip, endpoints: ["${model.url}"] }
  b: { protocol: oip, endpoints: ["${model.url}"], model: renamed }
routes:
  - name: m
    match: { model: m }
    expose: true
    rules:
      - { name: b, when: { body: { parameters.arm: b } }, backend: b }
      - { name: a, backend: a }
`,
  );
  t.teardown(async () => {
    await gateway.close();
    await model.close();
  });
  const byMainLane: string[] = [];
  const note = (message: unknown): void => {
    const { url = '' } = (message as { request: IncomingMessage }).request;
    if (url.startsWith('/p/')) byMainLane.push(url);
  };
  subscribe('http.server.request.start', note);
  t.teardown(() => unsubscribe('http.server.request.start', note));
  const express = await RawClient.connect(gateway.url);
  const main = await RawClient.connect(gateway.url);
  for (const [what, { path, body, headers = [] }] of Object.entries(requests)) {
    const ask = async (client: RawClient, more: readonly string[]) => {
      const before = await gateway.ledger();
      const count = model.received.length;
      client.send(rawRequest(path, Buffer.from(body), [...headers, ...more]));
      const answer = shape(await client.answer());
      const { started, completed, aborted } = await gateway.ledger();
      const received = model.received.slice(count).map((request) => {
        const fields = request.rawHeaders.map((field, i) => (i % 2 === 0 ? field : field.trim()));
        const id = fields.indexOf('x-request-id') + 1;
        if (fields[id] !== 'kept') fields[id] = 'made';
        return { method: request.method, url: request.url, fields, body: request.body.toString() };
      });
      const counts = [started - before.started, completed - before.completed, aborted - before.aborted];
      return { answer, received, counts };
    };
    t.strictSame(await ask(express, []), await ask(main, [MAIN]), what);
    t.strictSame(byMainLane.splice(0), [path], 'the express lane took the other one');
  }
});
