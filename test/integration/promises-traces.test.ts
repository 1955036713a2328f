import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';

import { startCollector } from '../edges/telemetry/collector.ts';
import { configHead, startGateway } from '../support/gateway.ts';
import { test } from '../support/lanes.ts';
import { answerInfer, startServer } from '../support/model-server.ts';
import { freePort } from '../support/redis-server.ts';
import { inferPath, openClient } from '../support/traffic.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const BODY = '{"parameters":{"id":"1"},"inputs":[]}';

async function start(t: Test, tracing: string) {
  const server = await startServer(answerInfer('m'));
  t.teardown(() => server.close());
  const gateway = await startGateway((folder) => {
    writeFileSync(join(folder, 'rows.jsonl'), '{"key":"1","x":2.5}\n');
    return `${configHead(folder)}
${tracing}
backends:
  m: { protocol: oip, endpoints: ['${server.url}'] }
  other: { protocol: oip, endpoints: ['${server.url}'] }
features:
  rows: { provider: embedded, path: '${join(folder, 'rows.jsonl')}', entity: { id: { from: 'body:parameters.id' } },
    fields: { x: float }, into: { parameters: 'f_' } }
routes: [{ name: r, match: { model: m }, rules: [{ enrich: [rows], backend: m, shadow: [{ backend: other }] }] }]
`;
  });
  t.teardown(() => gateway.close());
  const client = openClient(gateway.url);
  t.teardown(() => client.close());
  return { server, gateway, client };
}

test('a request that is sampled makes spans of one trace, which goes on at the model server', async (t) => {
  const collector = await startCollector(t);
  const { server, client } = await start(t, `tracing: { endpoint: '${collector.url}', sample: 0% }`);
  // Sampling is decided by the client here: the first request is not sampled, the second is.
  const path = inferPath('m');
  await client.post(path, BODY, { traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-00`, 'x-request-id': 'plain' });
  await client.post(path, BODY, { traceparent: `00-${TRACE}-${PARENT}-01`, 'x-request-id': 'traced' });
  const spans = await collector.receive(3);
  t.ok(spans.every(({ traceId }) => traceId === TRACE));
  const gateway = spans.find(({ parentSpanId }) => parentSpanId === PARENT);
  t.ok(gateway, 'the span of the gateway is a child of the client’s');
  t.match(gateway?.attributes, { 'http.request.method': 'POST', 'url.path': path });
  const children = spans.filter(({ parentSpanId }) => parentSpanId === gateway?.spanId);
  t.equal(spans.length, children.length + 1);
  const features = children.find(({ name }) => name === 'features');
  t.same(features?.attributes['makas.views'], ['rows']);
  const attempt = children.find(({ attributes }) => attributes['makas.backend'] === 'm');
  t.ok(attempt, 'the attempt has a span');
  t.equal(Number(attempt?.attributes['http.response.status_code']), 200);
  for (const { startTimeUnixNano, endTimeUnixNano } of children) {
    t.ok(BigInt(startTimeUnixNano) >= BigInt(gateway!.startTimeUnixNano));
    t.ok(BigInt(endTimeUnixNano) >= BigInt(startTimeUnixNano));
  }
  const traced = server.received.find(
    ({ headers }) => headers['x-request-id'] === 'traced' && headers['x-shadow'] === undefined,
  );
  t.equal(traced?.headers['traceparent'], `00-${TRACE}-${attempt?.spanId}-01`);
});

test('without tracing the context of the client passes as it came, and a collector is never called', async (t) => {
  const collector = await startCollector(t);
  const { server, client } = await start(t, '');
  const context = `00-${TRACE}-${PARENT}-01`;
  await client.post(inferPath('m'), BODY, { traceparent: context, tracestate: 'a=b' });
  await client.post(inferPath('m'), BODY);
  const primary = server.received.filter(({ headers }) => headers['x-shadow'] === undefined);
  t.equal(primary[0]?.headers['traceparent'], context);
  t.equal(primary[0]?.headers['tracestate'], 'a=b');
  t.equal(primary[1]?.headers['traceparent'], undefined, 'nothing is made up');
  t.same(collector.spans, []);
});

test('a collector that is away or hangs delays no answer', async (t) => {
  const collector = await startCollector(t, 'hangs');
  const away = `http://127.0.0.1:${await freePort()}/v1/traces`;
  const endings = [collector.url, away].map(async (endpoint) => {
    const { client, gateway } = await start(t, `tracing: { endpoint: '${endpoint}', sample: 100% }`);
    await client.post(inferPath('m'), BODY);
    for (let i = 0; i < 50; i++) {
      const { status, ms } = await client.post(inferPath('m'), BODY);
      if (status !== 200 || ms > 500) t.fail(`${status} after ${ms} ms`);
    }
    const startMs = performance.now();
    await gateway.close();
    t.ok(performance.now() - startMs < 5000, 'and the end of the process little');
  });
  await Promise.all(endings);
});
