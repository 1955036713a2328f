import { Buffer } from 'node:buffer';
import type { ServerResponse } from 'node:http';
import { constants, createGzip, gzipSync } from 'node:zlib';

import type { Test } from 'tap';

import { configHead, startGateway } from '../support/gateway.ts';
import { test } from '../support/lanes.ts';
import { startServer } from '../support/model-server.ts';
import { RawClient, rawRequest } from '../support/raw-client.ts';
import { until } from '../support/traffic.ts';

const EVENT = 'data: {"model":"inner","choices":[]}\n\n';

async function setUp(t: Test, answer: (response: ServerResponse) => void, backend = '') {
  const server = await startServer((_request, response) => answer(response));
  const gateway = await startGateway(
    (folder) => `${configHead(folder)}
backends: { llm: { protocol: openai, endpoints: ['${server.url}']${backend} } }
routes: [{ name: chat, match: { model: chat }, rules: [{ name: only, backend: llm }] }]
`,
  );
  t.teardown(async () => {
    await gateway.close();
    await server.close();
  });
  const client = await RawClient.connect(gateway.url);
  t.teardown(() => client.close());
  client.send(rawRequest('/v1/chat/completions', '{"model":"chat","stream":true}'));
  return { client, gateway };
}

/** Sends the beginning of a stream, and breaks off when that has surely been passed on. */
function breakAfter(beginning: string): (response: ServerResponse) => void {
  return (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(beginning);
    setTimeout(() => response.destroy(), 100);
  };
}

test('a stream that breaks in the middle of an event is cut off, and no half event is made whole', async (t) => {
  for (const half of ['data: {"id":"c","obj', 'data: {"id":"c"}\n', 'event: x\r\n']) {
    const { client } = await setUp(t, breakAfter(EVENT + half));
    t.equal(await client.answer(), null, 'the answer has no end');
    await client.closed;
  }
});

test('what was held of an event to change names in it never left, so that the stream ends with an error', async (t) => {
  const { client } = await setUp(t, breakAfter(`${EVENT}data: {"id":"c","obj`), ', model: inner');
  const text = (await client.answer())?.body.toString() ?? '';
  const [first, last, ...more] = text.split('\n\n');
  t.equal(first, 'data: {"model":"chat","choices":[]}');
  t.match(JSON.parse(last!.slice('data: '.length)), { error: { code: 'upstream_reset', message: /.+/ } });
  t.same(more, ['']);
});

test('a compressed stream that breaks is cut off, and its bytes are not taken for tokens', async (t) => {
  const { client, gateway } = await setUp(t, (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' });
    const gzip = createGzip();
    gzip.pipe(response);
    gzip.write(EVENT);
    gzip.flush(constants.Z_SYNC_FLUSH);
    setTimeout(() => response.destroy(), 100);
  });
  t.equal(await client.answer(), null);
  await until('it is counted', async () => (await gateway.ledger()).aborted === 1);
  t.notMatch(await gateway.metrics(), /makas_time_to_first_token_seconds_count\{[^}]*\} 1/);
});

test('events that are compressed unasked are refused where their names would have to be mapped', async (t) => {
  const { client } = await setUp(
    t,
    (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' });
      response.end(gzipSync(Buffer.from(EVENT)));
    },
    ', model: inner',
  );
  const answer = await client.answer();
  t.equal(answer?.status, 502);
  t.match(JSON.parse(String(answer?.body)), { error: { code: 'upstream_bad_response' } });
});
