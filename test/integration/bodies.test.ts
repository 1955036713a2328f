import { Buffer } from 'node:buffer';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

import type { Test } from 'tap';

import { oneRoute, startGateway } from '../support/gateway.ts';
import { test } from '../support/lanes.ts';
import { answerInfer, startServer } from '../support/model-server.ts';
import { RawClient, rawRequest, sendRaw } from '../support/raw-client.ts';
import { startRawServer } from '../support/raw-server.ts';
import { until } from '../support/traffic.ts';

const INFER = '/v2/models/m/infer';
const KIB = 1024;
const LIMITS = 'buffer: 64KiB, body: 256KiB';

/** A model server of plain bytes that answers as soon as it has the head, or when told. */
async function setUp(t: Test, options: { readonly answersAtOnce?: boolean; readonly limits?: string } = {}) {
  const { answersAtOnce = false, limits = LIMITS } = options;
  const upstream = await startRawServer(({ socket, received }) => {
    const head = received().indexOf('\r\n\r\n');
    if (answersAtOnce && head !== -1) socket.write('HTTP/1.1 400 Bad Request\r\ncontent-length: 5\r\n\r\nearly');
  });
  const gateway = await startGateway(oneRoute([upstream.url], { limits }));
  t.teardown(async () => {
    await gateway.close();
    await upstream.close();
  });
  return { upstream, gateway };
}

function chunk(size: number): Buffer {
  return Buffer.concat([Buffer.from(`${size.toString(16)}\r\n`), Buffer.alloc(size, 'x'), Buffer.from('\r\n')]);
}

const CHUNKED = `POST ${INFER} HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n`;

test('a body above the buffer limit streams: its first bytes arrive before its last are sent', async (t) => {
  const { upstream, gateway } = await setUp(t);
  const client = await RawClient.connect(gateway.url);
  t.teardown(() => client.close());
  client.send(`POST ${INFER} HTTP/1.1\r\nHost: g\r\nContent-Length: ${200 * KIB}\r\n\r\n`);
  client.send(Buffer.alloc(100 * KIB, 'x'));
  await until('half a body upstream', () => upstream.received().length > 90 * KIB);
  t.match(upstream.received(), new RegExp(`content-length: ${200 * KIB}\r\n`));
  client.send(Buffer.alloc(100 * KIB, 'y'));
  await until('a whole body upstream', () => upstream.received().length > 200 * KIB);
  upstream.connections[0]!.socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}');
  const answer = await client.answer();
  t.equal(answer?.status, 200);
  t.not(answer?.headers.get('connection'), 'close', 'the connection can be used again');
  t.match(await gateway.ledger(), { started: 1, completed: 1, inflight: 0 });
});

test('a chunked body above the buffer limit streams in chunks', async (t) => {
  const { upstream, gateway } = await setUp(t);
  const client = await RawClient.connect(gateway.url);
  t.teardown(() => client.close());
  client.send(CHUNKED);
  client.send(chunk(100 * KIB));
  await until('half a body upstream', () => upstream.received().length > 90 * KIB);
  t.match(upstream.received(), /\r\ntransfer-encoding: chunked\r\n/);
  client.send(chunk(50 * KIB));
  client.send('0\r\n\r\n');
  await until('the last chunk', () => upstream.received().endsWith('\r\n0\r\n\r\n'));
  upstream.connections[0]!.socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}');
  t.equal((await client.answer())?.status, 200);
});

test('a body above the hard limit is refused with 413, announced or not, whole or streaming', async (t) => {
  const { upstream, gateway } = await setUp(t);
  const announced = await sendRaw(gateway.url, rawRequest(INFER, Buffer.alloc(300 * KIB, 'x')));
  t.equal(announced?.status, 413);
  t.equal(announced?.headers.get('makas-error'), 'BODY_TOO_LARGE');
  t.equal(announced?.headers.get('connection'), 'close');
  t.equal(upstream.connections.length, 0, 'nothing of it went upstream');
  const chunked = Buffer.concat([Buffer.from(CHUNKED), ...Array.from({ length: 20 }, () => chunk(16 * KIB))]);
  const streamed = await sendRaw(gateway.url, Buffer.concat([chunked, Buffer.from('0\r\n\r\n')]));
  t.equal(streamed?.status, 413);
  t.equal(streamed?.headers.get('makas-error'), 'BODY_TOO_LARGE');
  t.notOk(upstream.received().endsWith('0\r\n\r\n'), 'a cut body never looks complete');
  await until('the connection that carried it is closed', () => upstream.connections[0]!.socket.destroyed);
  t.match(await gateway.ledger(), { started: 2, completed: 2, aborted: 0, inflight: 0 });
});

test('a rule that reads the body gets it whole up to the hard limit, also above the buffer limit', async (t) => {
  const one = await startServer(answerInfer('one'));
  const two = await startServer(answerInfer('two'));
  const gateway = await startGateway((folder) =>
    oneRoute([one.url], { limits: LIMITS })(folder).replace(
      /routes:[^]*/,
      `  other: { protocol: oip, endpoints: ['${two.url}'] }
routes:
  - { name: a, match: { body: { parameters.last: 'yes' } }, rules: [{ backend: other }] }
  - { name: b, rules: [{ backend: main }] }
`,
    ),
  );
  t.teardown(async () => {
    await gateway.close();
    await one.close();
    await two.close();
  });
  const body = `{"inputs":"${'x'.repeat(100 * KIB)}","parameters":{"last":"yes"}}`;
  const whole = await sendRaw(gateway.url, rawRequest(INFER, body));
  t.match(whole?.body.toString(), /"two"/);
  const chunks = Buffer.concat([
    Buffer.from(`${CHUNKED}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`, 'latin1'),
  ]);
  t.match((await sendRaw(gateway.url, chunks))?.body.toString(), /"two"/);
  t.equal(two.received.at(-1)?.body.toString(), body);
  t.equal((await sendRaw(gateway.url, rawRequest(INFER, Buffer.alloc(300 * KIB, 'x'))))?.status, 413);
});

test('a client that waits for 100-continue gets it when its body is wanted, and else the refusal', async (t) => {
  const server = await startServer(answerInfer('m'));
  const gateway = await startGateway(oneRoute([server.url], { limits: LIMITS }));
  t.teardown(async () => {
    await gateway.close();
    await server.close();
  });
  const expect = (path: string, length: number) =>
    `POST ${path} HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`;
  const client = await RawClient.connect(gateway.url);
  client.send(expect(INFER, 2));
  t.equal((await client.answer())?.status, 100);
  client.send('{}');
  t.equal((await client.answer())?.status, 200);
  t.equal(server.received[0]?.headers.expect, undefined);
  client.close();
  for (const [path, length, status] of [
    ['/v2/nothing', 2, 404],
    [INFER, 300 * KIB, 413],
    ['/v2/models/m', 2, 405],
  ] as const) {
    const refused = await RawClient.connect(gateway.url);
    refused.send(expect(path, length));
    t.equal((await refused.answer())?.status, status, `${path}: no 100 before ${status}`);
    refused.close();
  }
  const rewards = await RawClient.connect(gateway.url);
  rewards.send(
    'POST /rewards HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n',
  );
  t.equal((await rewards.answer())?.status, 100, 'other paths answer too');
  rewards.send('[]');
  t.equal((await rewards.answer())?.status, 400);
  rewards.close();
});

test('a body that comes byte by byte is waited for', async (t) => {
  const server = await startServer(answerInfer('m'));
  const gateway = await startGateway(oneRoute([server.url]));
  t.teardown(async () => {
    await gateway.close();
    await server.close();
  });
  const client = await RawClient.connect(gateway.url);
  const bytes = rawRequest(INFER, '{"inputs":[]}');
  for (const byte of bytes) {
    client.send(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.equal((await client.answer())?.status, 200);
  t.equal(server.received[0]?.body.toString(), '{"inputs":[]}');
  client.close();
});

/** Uploads all of a body first and reads only then, as simple clients do. */
async function upload(url: string, path: string, size: number): Promise<number | undefined> {
  const client = await RawClient.connect(url);
  client.socket.pause();
  client.send(`POST ${path} HTTP/1.1\r\nHost: g\r\nContent-Length: ${size}\r\n\r\n`);
  const block = Buffer.alloc(64 * KIB, 'x');
  for (let sent = 0; sent < size && !client.socket.destroyed; sent += block.length) {
    if (!client.socket.write(block.subarray(0, Math.min(block.length, size - sent))))
      await Promise.race([new Promise((resolve) => client.socket.once('drain', resolve)), client.closed]);
  }
  client.socket.resume();
  const answer = await client.answer();
  await client.closed;
  return answer?.status;
}

test('a client sees an early refusal also when it reads only after its upload, and then the connection closes', async (t) => {
  const { gateway } = await setUp(t, { limits: 'buffer: 64KiB, body: 1MiB' });
  t.equal(await upload(gateway.url, '/v2/models/m/nothing', 8 * 2 ** 20), 404);
  t.equal(await upload(gateway.url, INFER, 8 * 2 ** 20), 413);
  t.equal(await upload(gateway.url, '/nothing', 8 * 2 ** 20), 404);
  const bare = await RawClient.connect(gateway.url);
  bare.send('GET /v2/nothing HTTP/1.1\r\nHost: g\r\n\r\n');
  t.not((await bare.answer())?.headers.get('connection'), 'close', 'without a body the connection stays');
  bare.close();
});

test('a model server that answers before the upload is complete is heard', async (t) => {
  const { gateway } = await setUp(t, { answersAtOnce: true, limits: 'buffer: 64KiB, body: 64MiB' });
  t.equal(await upload(gateway.url, INFER, 4 * 2 ** 20), 400);
  await until('settled', async () => (await gateway.ledger()).inflight === 0);
  t.match(await gateway.ledger(), { started: 1, completed: 1, aborted: 0 });
});

test('an endless upload after a refusal is cut', async (t) => {
  const { gateway } = await setUp(t);
  const client = await RawClient.connect(gateway.url);
  client.send(CHUNKED.replace('/infer', '/nothing'));
  t.equal((await client.answer())?.status, 404);
  const timer = setInterval(() => client.send(chunk(KIB)), 20);
  await client.closed;
  clearInterval(timer);
  t.pass('the connection is closed');
});

test('streamed bodies find another endpoint when the first refuses the connection', async (t) => {
  const alive = createServer((request, response) => {
    void text(request).then((body) => response.end(String(body.length)));
  });
  await new Promise<void>((resolve) => alive.listen(0, '127.0.0.1', resolve));
  const dead = await startRawServer(() => {});
  await dead.close();
  const url = `http://127.0.0.1:${(alive.address() as AddressInfo).port}`;
  const gateway = await startGateway(oneRoute([dead.url, url], { limits: LIMITS }));
  t.teardown(async () => {
    await gateway.close();
    alive.close();
  });
  let retries = 0;
  for (let i = 0; i < 10; i++) {
    const answer = await sendRaw(gateway.url, rawRequest(INFER, Buffer.alloc(100 * KIB, 'x')));
    t.equal(answer?.body.toString(), String(100 * KIB));
    const chunked = Buffer.concat([Buffer.from(CHUNKED), chunk(100 * KIB), Buffer.from('0\r\n\r\n')]);
    t.equal((await sendRaw(gateway.url, chunked))?.body.toString(), String(100 * KIB));
    retries = await gateway.metric('makas_upstream_retries_total{backend="main"}');
    if (retries > 0) break;
  }
  t.ok(retries > 0, 'the dead endpoint was tried');
});

test('many large bodies at once, to fast and slow readers, each come back as they were sent', async (t) => {
  // Answers with the body of the request, in pieces of odd lengths.
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      response.writeHead(200, body.length % 2 === 0 ? { 'content-length': body.length } : {});
      for (let at = 0; at < body.length; at += 70_001) response.write(body.subarray(at, at + 70_001));
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const gateway = await startGateway(oneRoute([`http://127.0.0.1:${(server.address() as AddressInfo).port}`]));
  t.teardown(async () => {
    await gateway.close();
    server.close();
  });
  const client = async (id: number): Promise<number> => {
    const connection = await RawClient.connect(gateway.url);
    let wrong = 0;
    for (let round = 0; round < 25; round++) {
      const length = ((id * 7919 + round * 104_729) % 600_000) + 1;
      const body = `${id}.${round};`.repeat(Math.ceil(length / 4)).slice(0, length);
      connection.send(rawRequest(INFER, body));
      if (id % 3 === 0) {
        connection.socket.pause();
        setTimeout(() => connection.socket.resume(), 5);
      }
      const answer = await connection.answer();
      if (answer?.status !== 200 || answer.body.toString('latin1') !== body) wrong++;
    }
    connection.close();
    return wrong;
  };
  const wrong = await Promise.all(Array.from({ length: 12 }, (_, id) => client(id)));
  t.strictSame(
    wrong,
    wrong.map(() => 0),
  );
});
