import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type RequestListener } from 'node:http';
import { join } from 'node:path';
import { test, type Test } from 'tap';
import { freePort, startPinned, waitUntilReady } from '../../bench/child.ts';
import { isAnswering, probe } from '../../bench/probe.ts';
import { firstCase } from '../../bench/scenario.ts';
import { pass } from '../../bench/scenarios/pass.ts';

const PASS = firstCase(pass);
const SCRIPT = join(import.meta.dirname, '../../bench/peers/bare-server.ts');

async function startUpstream(t: Test, listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

async function startBare(t: Test, upstreamPort: number): Promise<number> {
  const port = await freePort();
  const child = startPinned({
    cores: [0],
    command: process.execPath,
    args: [SCRIPT, String(port), String(upstreamPort)],
  });
  t.teardown(() => child.stop());
  await waitUntilReady('bare', child, () => isAnswering(port, '/ready'));
  return port;
}

async function readAll(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function post(port: number, headers: Record<string, string>, body: string) {
  const outgoing = request({ host: '127.0.0.1', port, method: 'POST', path: '/a?b=1', headers, agent: false });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
  });
  outgoing.end(body);
  const incoming = await answered;
  return { status: incoming.statusCode, headers: incoming.headers, body: await readAll(incoming) };
}

test('the bare proxy hands on path, headers and body both ways, without those of the hop', async (t) => {
  const seen: { url: string | undefined; headers: IncomingMessage['headers']; body: string }[] = [];
  const upstreamPort = await startUpstream(t, (incoming, reply) => {
    void readAll(incoming).then((body) => {
      seen.push({ url: incoming.url, headers: incoming.headers, body });
      reply.writeHead(201, { 'content-type': 'text/plain', connection: 'x-hop', 'x-hop': '1', 'x-kept': '2' });
      reply.write('one ');
      reply.end('two');
    });
  });
  const port = await startBare(t, upstreamPort);
  for (const body of ['first', 'second, on the exchange of the first']) {
    const headers = { connection: 'x-secret', 'x-secret': '1', te: 'trailers', 'x-user-id': 'ada' };
    const answer = await post(port, headers, body);
    t.equal(answer.status, 201);
    t.equal(answer.body, 'one two');
    t.equal(answer.headers['content-length'], '7');
    t.equal(answer.headers['x-kept'], '2');
    t.equal(answer.headers['x-hop'], undefined);
    const last = seen.at(-1);
    t.match(last, { url: '/a?b=1', body });
    t.equal(last?.headers['x-user-id'], 'ada');
    t.equal(last?.headers['x-secret'], undefined);
    t.equal(last?.headers.te, undefined);
  }
});

test('the bare proxy answers 502 when the upstream is gone and 413 when the body is too large', async (t) => {
  const port = await startBare(t, await freePort());
  t.equal((await post(port, {}, 'x')).status, 502);
  t.equal((await post(port, {}, 'x'.repeat(8 * 1_048_576 + 1))).status, 413);
  t.equal((await post(port, {}, 'x')).status, 502);
});

test('the probe takes the exact answer and refuses another body or status', async (t) => {
  let status = 200;
  let body = PASS.answer.body;
  const port = await startUpstream(t, (incoming, reply) => {
    incoming.resume();
    reply.writeHead(status);
    reply.end(body);
  });
  await t.resolves(probe('some', port, PASS));
  body = `${PASS.answer.body} `;
  await t.rejects(probe('some', port, PASS), /some gave a wrong answer/);
  body = PASS.answer.body;
  status = 201;
  await t.rejects(probe('some', port, PASS), /status 201/);
});

test('a peer that ends at start is an error with its last words', async (t) => {
  const child = startPinned({
    cores: [0],
    command: process.execPath,
    args: ['-e', 'console.error("no such file"); process.exit(3)'],
  });
  await t.rejects(
    waitUntilReady('some', child, async () => false),
    /some ended at start:\n.*no such file/,
  );
});
