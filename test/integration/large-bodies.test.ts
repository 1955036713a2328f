import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Test } from 'tap';

import { makeCertificates } from '../support/certificates.ts';
import { oneRoute, startGateway } from '../support/gateway.ts';
import { currentLane, test } from '../support/lanes.ts';
import { type RawAnswer, RawClient, rawRequest } from '../support/raw-client.ts';
import { until } from '../support/traffic.ts';

const INFER = '/v2/models/m/infer';
const LIMITS = 'buffer: 16KiB, body: 64MiB';
const MIB = 2 ** 20;

async function listen(t: Test, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** Bytes that no other body has in the same place. */
function bodyOf(id: number, length: number): Buffer {
  const body = Buffer.alloc(length);
  for (let i = 0; i + 8 <= length; i += 8) {
    body.writeUInt32BE(id, i);
    body.writeUInt32BE(i, i + 4);
  }
  return body;
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('hex');
}

/** Answers with hash and length of what came, and with as many octets again. Reads slowly when asked to. */
function measure(request: IncomingMessage, response: ServerResponse): void {
  const hash = createHash('sha1');
  let length = 0;
  request.on('data', (chunk: Buffer) => {
    hash.update(chunk);
    length += chunk.length;
    if (request.headers['x-slow'] === undefined) return;
    request.pause();
    setTimeout(() => request.resume(), 1);
  });
  request.on('end', () => {
    response.setHeader('x-sha1', hash.digest('hex'));
    response.end(Buffer.alloc(length, 'y'));
  });
}

interface Answer {
  readonly answer: RawAnswer | null;
  readonly body: Buffer;
}

async function send(client: RawClient, id: number, length: number, fields: string[]): Promise<Answer> {
  const body = bodyOf(id, length);
  client.send(rawRequest(INFER, body, fields));
  if (id % 3 === 0) {
    client.socket.pause();
    setTimeout(() => client.socket.resume(), 10);
  }
  return { answer: await client.answer(), body };
}

test('large bodies, many at once, to slow and fast servers and readers, arrive byte for byte', async (t) => {
  const port = await listen(t, createServer(measure));
  const gateway = await startGateway(oneRoute([`http://127.0.0.1:${port}`], { limits: LIMITS }));
  t.teardown(() => gateway.close());
  let wrong = 0;
  const work = async (id: number): Promise<void> => {
    const client = await RawClient.connect(gateway.url);
    for (let round = 0; round < 8; round++) {
      const length = ((id * 104_729 + round * 611_953) % (2 * MIB)) + 1;
      const fields = (id + round) % 4 === 0 ? ['x-slow: 1'] : [];
      const { answer, body } = await send(client, id * 100 + round, length, fields);
      const isRight = answer?.status === 200 && answer.headers.get('x-sha1') === hashOf(body);
      if (!isRight || answer.body.length !== length || answer.headers.get('connection') === 'close') wrong++;
    }
    client.close();
  };
  await Promise.all(Array.from({ length: 10 }, (_, id) => work(id)));
  t.equal(wrong, 0);
  await until('settled', async () => (await gateway.ledger()).inflight === 0);
  t.match(await gateway.ledger(), { started: 80, completed: 80, aborted: 0 });
});

test('a server that answers while it reads gets all of the body, and the client all of the answer', async (t) => {
  const port = await listen(
    t,
    createServer((request, response) => void request.pipe(response)),
  );
  const gateway = await startGateway(oneRoute([`http://127.0.0.1:${port}`], { limits: LIMITS }));
  t.teardown(() => gateway.close());
  const results = await Promise.all(
    Array.from({ length: 8 }, async (_, id) => {
      const client = await RawClient.connect(gateway.url);
      const { answer, body } = await send(client, id, (id + 1) * MIB + id, []);
      client.close();
      return answer?.status === 200 && answer.body.equals(body);
    }),
  );
  t.strictSame(
    results,
    results.map(() => true),
  );
});

test('large bodies reach endpoints with TLS', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'makas-large-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const files = makeCertificates(folder);
  const { cert, key } = files.server;
  const server = createSecureServer({ cert: readFileSync(cert), key: readFileSync(key) }, measure);
  const port = await listen(t, server);
  const more = { limits: LIMITS, backend: `tls: { ca: ${files.ca} }` };
  const gateway = await startGateway(oneRoute([`https://127.0.0.1:${port}`], more));
  t.teardown(() => gateway.close());
  const client = await RawClient.connect(gateway.url);
  for (const [id, length] of [100, 20_000, 3 * MIB, 200_000].entries()) {
    const { answer, body } = await send(client, id + 1, length, id === 3 ? ['x-slow: 1'] : []);
    t.equal(answer?.status, 200, `${length}`);
    t.equal(answer?.headers.get('x-sha1'), hashOf(body));
    t.equal(answer?.body.length, length);
  }
  client.send(`POST ${INFER} HTTP/1.1\r\nHost: g\r\nContent-Length: ${MIB}\r\n\r\n`);
  client.send(Buffer.alloc(100_000));
  await until('begun', async () => (await gateway.ledger()).inflight === 1);
  client.close();
  await until('given up', async () => (await gateway.ledger()).aborted === 1);
  t.match(await gateway.ledger(), { inflight: 0 });
});

test('large bodies whose server goes away are 502, and the connection closes', async (t) => {
  const port = await listen(
    t,
    createServer((request) => void request.once('data', () => request.socket.destroy())),
  );
  const gateway = await startGateway(oneRoute([`http://127.0.0.1:${port}`], { limits: LIMITS }));
  t.teardown(() => gateway.close());
  for (let round = 0; round < 5; round++) {
    const client = await RawClient.connect(gateway.url);
    const { answer } = await send(client, 1, 4 * MIB, []);
    t.equal(answer?.status, 502);
    t.equal(answer?.headers.get('makas-error'), 'UPSTREAM_RESET');
    t.equal(answer?.headers.get('connection'), 'close', currentLane());
    client.close();
  }
  t.match(await gateway.ledger(), { inflight: 0 });
});

test('a server that does not read is given up in time, whatever the client still sends', async (t) => {
  const port = await listen(
    t,
    createServer((request) => void request.pause()),
  );
  const gateway = await startGateway(
    oneRoute([`http://127.0.0.1:${port}`], { limits: LIMITS, backend: 'timeout: 300ms' }),
  );
  t.teardown(() => gateway.close());
  const client = await RawClient.connect(gateway.url);
  const { answer } = await send(client, 1, 40 * MIB, []);
  t.equal(answer?.status, 504);
  await client.closed;
  t.match(await gateway.ledger(), { inflight: 0 });
});
