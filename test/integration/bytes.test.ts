import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { gunzipSync, gzipSync } from 'node:zlib';

import type { Test } from 'tap';

import { oneRoute, startGateway } from '../support/gateway.ts';
import { test } from '../support/lanes.ts';
import { answerInfer, startServer, type Answerer, type TestServer } from '../support/model-server.ts';
import { RawClient, rawRequest, sendRaw } from '../support/raw-client.ts';
import { answerBytes, startRawServer } from '../support/raw-server.ts';
import { until } from '../support/traffic.ts';

const INFER = '/v2/models/m/infer';

async function setUp(t: Test, answerer: Answerer = answerInfer('m')) {
  const server = await startServer(answerer);
  const gateway = await startGateway(oneRoute([server.url]));
  t.teardown(async () => {
    await gateway.close();
    await server.close();
  });
  return { server, gateway };
}

function last(server: TestServer) {
  const request = server.received.at(-1);
  if (request === undefined) throw new Error('the server got no request');
  return request;
}

test('request bodies reach the model server byte for byte, whatever they claim to be', async (t) => {
  const { server, gateway } = await setUp(t);
  const json =
    '{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[NaN, -Infinity,1e400]}],"unknown":  {"a" :1}}';
  const binaryHead = '{"inputs":[{"name":"x","shape":[256],"datatype":"UINT8","parameters":{"binary_data_size":256}}]}';
  const binary = Buffer.concat([Buffer.from(binaryHead), Buffer.from(Array.from({ length: 256 }, (_, i) => i))]);
  const bodies: [string, Buffer, string[]][] = [
    ['JSON with NaN and unknown fields', Buffer.from(json), ['Content-Type: application/json']],
    ['a binary tensor', binary, [`Inference-Header-Content-Length: ${binaryHead.length}`]],
    ['gzip', gzipSync(json), ['Content-Type: application/json', 'Content-Encoding: gzip']],
    ['not JSON at all', Buffer.from([0, 255, 13, 10, 0]), ['Content-Type: application/json; charset=utf-16']],
    ['a content type that is none', Buffer.from('x'), ['Content-Type: ////']],
    ['no content type', Buffer.from('x'), []],
    ['an empty body', Buffer.alloc(0), ['Content-Type: application/json']],
  ];
  for (const [what, body, headers] of bodies) {
    const answer = await sendRaw(gateway.url, rawRequest(INFER, body, headers));
    t.equal(answer?.status, 200, what);
    t.ok(last(server).body.equals(body), `${what} arrives as it was sent`);
    t.equal(last(server).headers['content-length'], String(body.length), `${what} has its length`);
    const sent = headers.find((line) => line.startsWith('Content-Type'))?.slice(14);
    t.equal(last(server).headers['content-type'], sent, `${what} has its content type`);
  }
});

test('a chunked request arrives whole, with one framing field', async (t) => {
  const { server, gateway } = await setUp(t);
  const head = `POST ${INFER} HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n`;
  const answer = await sendRaw(gateway.url, `${head}3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nx-sum: 1\r\n\r\n`);
  t.equal(answer?.status, 200);
  t.equal(last(server).body.toString(), 'abcde');
  t.equal(last(server).headers['content-length'], '5');
  t.equal(last(server).headers['transfer-encoding'], undefined);
  t.equal(last(server).headers['x-sum'], undefined, 'trailers do not become headers');
});

test('header fields keep their order, case, bytes, underscores and repetitions', async (t) => {
  const raw = await startRawServer(answerBytes('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}'));
  const gateway = await startGateway(oneRoute([raw.url]));
  t.teardown(async () => {
    await gateway.close();
    await raw.close();
  });
  const fields = [
    'X-Multi: b',
    'x_under_score: 1',
    'X-MULTI: a',
    'x-latin: caf\xe9 \xff',
    'x-empty:',
    'Cookie: a=1; b=2',
  ];
  t.equal((await sendRaw(gateway.url, rawRequest(INFER, '{}', fields)))?.status, 200);
  const received = raw.received();
  // A blank after the colon of an empty field is all that may be added.
  const places = fields.map((field) => received.replace('x-empty: \r\n', 'x-empty:\r\n').indexOf(`\r\n${field}\r\n`));
  t.notOk(places.includes(-1), received);
  t.strictSame(
    places,
    places.toSorted((a, b) => a - b),
  );
});

test('path and query go through as they came', async (t) => {
  const { server, gateway } = await setUp(t);
  for (const path of [`${INFER}?`, `${INFER}?a=1&a=2&b=%20%2F..%2f&c`, '/v2/models/a%20b%C3%A9/infer?x=/../y'])
    t.equal((await sendRaw(gateway.url, rawRequest(path)))?.status, 200, path);
  t.strictSame(
    server.received.map(({ url }) => url),
    [INFER, `${INFER}?a=1&a=2&b=%20%2F..%2f&c`, '/v2/models/a%20b%C3%A9/infer?x=/../y'],
  );
});

test('answers pass byte for byte with their status and headers', async (t) => {
  const packed = gzipSync('{"outputs":[]}');
  const answers: [string, number, Record<string, string | string[]>, Buffer][] = [
    ['gzip', 200, { 'content-encoding': 'gzip', 'content-length': String(packed.length) }, packed],
    ['no content', 204, {}, Buffer.alloc(0)],
    ['not modified', 304, { etag: '"1"' }, Buffer.alloc(0)],
    ['an error of the model', 422, { 'content-type': 'text/plain' }, Buffer.from('no such input')],
    ['an own status', 599, { 'set-cookie': ['a=1', 'b=2'] }, Buffer.from([0, 255])],
    ['an empty body', 200, { 'content-length': '0' }, Buffer.alloc(0)],
  ];
  let next = 0;
  const { gateway } = await setUp(t, (_request, response) => {
    const [, status, headers, body] = answers[next]!;
    response.writeHead(status, { 'x-own': 'caf\xe9', ...headers });
    response.end(body);
  });
  for (const [what, status, headers, body] of answers) {
    const answer = await sendRaw(gateway.url, rawRequest(INFER));
    t.equal(answer?.status, status, what);
    t.ok(answer?.body.equals(body), what);
    t.equal(answer?.headers.get('x-own'), 'caf\xe9', what);
    for (const [name, value] of Object.entries(headers))
      t.equal(answer?.headers.get(name), [value].flat().join(', '), `${what}: ${name}`);
    next++;
  }
  t.equal(gunzipSync(packed).toString(), '{"outputs":[]}');
});

test('answers with trailers, without a length until close, and after interim answers arrive whole', async (t) => {
  const chunked =
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n2\r\n{}\r\n0\r\nx-sum: 1\r\n\r\n';
  const early = 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n';
  const bytes = [chunked, `${early}${chunked}`, 'HTTP/1.0 200 OK\r\nserver: old\r\n\r\n{}'];
  let next = 0;
  const raw = await startRawServer(({ socket }) => {
    const answer = bytes[next++]!;
    socket.write(answer);
    if (answer.startsWith('HTTP/1.0')) socket.end();
  });
  const gateway = await startGateway(oneRoute([raw.url]));
  t.teardown(async () => {
    await gateway.close();
    await raw.close();
  });
  for (const answer of bytes) {
    const client = await RawClient.connect(gateway.url);
    client.send(rawRequest(INFER));
    const got = await client.answer();
    t.equal(got?.status, 200, answer);
    t.equal(got?.body.toString(), '{}', answer);
    t.notOk(got?.headers.has('x-sum'));
    client.close();
  }
});

test('pieces of an answer reach the client at once, before the answer is complete', async (t) => {
  const steps: (() => void)[] = [];
  const { gateway } = await setUp(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    for (const i of [1, 2, 3]) steps.push(() => response.write(`data: ${i}\n\n`));
    steps.push(() => response.end());
  });
  const client = await RawClient.connect(gateway.url);
  t.teardown(() => client.close());
  client.send(rawRequest(INFER));
  t.ok(await client.until(() => client.rest.includes('\r\n\r\n')), 'the head comes before any data');
  for (const i of [1, 2, 3]) {
    steps[i - 1]!();
    t.ok(await client.until(() => client.rest.includes(`data: ${i}\n`)), `piece ${i} comes before the next is made`);
  }
  steps[3]!();
  t.equal((await client.answer())?.body.toString(), 'data: 1\n\ndata: 2\n\ndata: 3\n\n');
});

test('a large answer to a slow reader is held back at the model server, and arrives whole', async (t) => {
  const size = 64 * 2 ** 20;
  const block = Buffer.alloc(2 ** 20, 'a');
  let written = 0;
  const server = await startServer((_request, response) => {
    response.writeHead(200, { 'content-length': size });
    const fill = (): void => {
      while (written < size) {
        written += block.length;
        if (!response.write(block)) return void response.once('drain', fill);
      }
      response.end();
    };
    fill();
  });
  const gateway = await startGateway(oneRoute([server.url]));
  t.teardown(async () => {
    await gateway.close();
    await server.close();
  });
  const client = await RawClient.connect(gateway.url);
  t.teardown(() => client.close());
  client.socket.pause();
  client.send(rawRequest(INFER));
  let before = 0;
  await until(
    'the flow stands still',
    () => {
      const isStill = written > 0 && written === before;
      before = written;
      return isStill;
    },
    5000,
    100,
  );
  t.ok(written < 40 * 2 ** 20, `${written / 2 ** 20} MiB were taken from the model server`);
  let received = 0;
  client.socket.removeAllListeners('data');
  client.socket.on('data', (chunk: Buffer) => {
    received += chunk.length;
    if (received >= size) client.socket.emit('whole');
  });
  client.socket.resume();
  await once(client.socket, 'whole');
  t.ok(received > size);
  t.match(await gateway.ledger(), { started: 1, completed: 1, aborted: 0, inflight: 0 });
});
