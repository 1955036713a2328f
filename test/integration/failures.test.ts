import type { Socket } from 'node:net';

import type { Test } from 'tap';

import { oneRoute, startGateway, type OneRoute, type TestGateway } from '../support/gateway.ts';
import { currentLane, test } from '../support/lanes.ts';
import { answerInfer, startServer } from '../support/model-server.ts';
import { RawClient, rawRequest, sendRaw } from '../support/raw-client.ts';
import { answerBytes, startRawServer, type RawAnswerer } from '../support/raw-server.ts';
import { until } from '../support/traffic.ts';

const INFER = '/v2/models/m/infer';
const BACKEND = 'timeout: 300ms';

async function setUp(t: Test, answerer: RawAnswerer, more: OneRoute = { backend: BACKEND }) {
  const upstream = await startRawServer(answerer);
  const gateway = await startGateway(oneRoute([upstream.url], more));
  t.teardown(async () => {
    await gateway.close();
    await upstream.close();
  });
  return { upstream, gateway };
}

/** A port on which nothing listens. */
async function deadUrl(): Promise<string> {
  const server = await startRawServer(() => {});
  await server.close();
  return server.url;
}

/** Sends one request and holds the whole answer against what an error of the gateway must look like. */
async function expectError(t: Test, gateway: TestGateway, status: number, code: string, what = code): Promise<void> {
  const answer = await sendRaw(gateway.url, rawRequest(INFER));
  t.equal(answer?.status, status, what);
  t.equal(answer?.headers.get('makas-error'), code, what);
  t.equal(answer?.headers.get('content-type'), 'application/json', what);
  t.ok(answer?.headers.get('x-request-id'), what);
  const body = JSON.parse(answer?.body.toString() ?? '') as { error: string };
  t.strictSame(Object.keys(body), ['error'], what);
  t.notMatch(body.error, /127\.0\.0\.1|ECONN|UND_ERR|socket|parse|\d{4,5}/i, `${what}: nothing of the inside`);
}

async function expectLedger(t: Test, gateway: TestGateway, completed: number, aborted = 0): Promise<void> {
  t.strictSame(await gateway.ledger(), { started: completed + aborted, completed, aborted, inflight: 0 });
}

test('a refused connection is answered 503', async (t) => {
  const gateway = await startGateway(oneRoute([await deadUrl()]));
  t.teardown(() => gateway.close());
  await expectError(t, gateway, 503, 'UPSTREAM_CONNECT');
  await expectLedger(t, gateway, 1);
  t.equal(await gateway.metric('makas_upstream_attempts_total{backend="main",result="upstream_connect"}'), 1);
  t.equal(await gateway.metric('makas_upstream_retries_total{backend="main"}'), 0, 'there is no other endpoint');
  t.equal(await gateway.metric('makas_errors_total{code="UPSTREAM_CONNECT"}'), 1);
});

test('with one of two endpoints dead no request fails, the dead one is passed over, and comes back', async (t) => {
  const alive = await startServer(answerInfer('alive'));
  const dead = await deadUrl();
  const gateway = await startGateway(oneRoute([dead, alive.url]));
  t.teardown(async () => {
    await gateway.close();
    await alive.close();
  });
  const client = await RawClient.connect(gateway.url);
  for (let i = 0; i < 200; i++) {
    client.send(rawRequest(INFER));
    t.equal((await client.answer())?.status, 200);
  }
  const retries = await gateway.metric('makas_upstream_retries_total{backend="main"}');
  t.ok(retries >= 1 && retries < 40, `${retries} of 200 were tried on the dead endpoint first`);
  const back = await startServer(answerInfer('back'), Number(new URL(dead).port));
  t.teardown(() => back.close());
  await until('the endpoint that is back is used', async () => {
    client.send(rawRequest(INFER));
    t.equal((await client.answer())?.status, 200);
    return back.received.length > 5;
  });
  client.close();
  t.equal(await gateway.metric(`makas_endpoint_up{backend="main",endpoint="${dead}"}`), 1);
});

test('retry: 0 and two dead endpoints are answered 503 after one and two attempts', async (t) => {
  const dead = [await deadUrl(), await deadUrl()];
  for (const [rule, attempts] of [
    ['retry: { attempts: 0 }', 1],
    ['', 2],
  ] as const) {
    const gateway = await startGateway(oneRoute(dead, { rule }));
    t.teardown(() => gateway.close());
    await expectError(t, gateway, 503, 'UPSTREAM_CONNECT');
    t.equal(await gateway.metric('makas_upstream_attempts_total{backend="main",result="upstream_connect"}'), attempts);
    await expectLedger(t, gateway, 1);
  }
});

test('a connection that is reset or closed before an answer is 502 and not tried again', async (t) => {
  const { upstream, gateway } = await setUp(t, ({ socket }) => {
    if (upstream.connections.length % 2 === 1) socket.resetAndDestroy();
    else socket.end();
  });
  await expectError(t, gateway, 502, 'UPSTREAM_RESET', 'reset');
  await expectError(t, gateway, 502, 'UPSTREAM_RESET', 'closed');
  t.equal(upstream.connections.length, 2);
  await expectLedger(t, gateway, 2);
});

test('an answer that breaks off before anything was passed on is 502, after that the connection is closed', async (t) => {
  const head = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n';
  // The end comes when the beginning has surely been passed on: in one read with it, it may still be found out in time.
  const answers = [
    [`${head}content-length: 100\r\n\r\n`, ''],
    [`${head}content-length: 100\r\n\r\n{"a":`, ''],
    [`${head}transfer-encoding: chunked\r\n\r\n5\r\n{"a":\r\n`, ''],
    [`${head}transfer-encoding: chunked\r\n\r\n5\r\n{"a":\r\n`, 'zz\r\n'],
  ] as const;
  let next = 0;
  const { gateway } = await setUp(t, ({ socket }) => {
    const [beginning, end] = answers[next++]!;
    socket.write(beginning);
    setTimeout(() => socket.end(end), 50);
  });
  await expectError(t, gateway, 502, 'UPSTREAM_RESET', 'only a head');
  for (const what of ['too short', 'no last chunk', 'a bad chunk']) {
    t.equal(await sendRaw(gateway.url, rawRequest(INFER)), null, `${what}: the answer is visibly incomplete`);
  }
  await until('settled', async () => (await gateway.ledger()).inflight === 0);
  await expectLedger(t, gateway, 1, 3);
  t.equal(await gateway.metric('makas_requests_aborted_total{reason="broken"}'), 3);
});

test('no answer in time is 504 within the limit, and the connection that hangs is given up', async (t) => {
  const { upstream, gateway } = await setUp(t, () => {});
  const startMs = performance.now();
  await expectError(t, gateway, 504, 'UPSTREAM_TIMEOUT');
  const tookMs = performance.now() - startMs;
  t.ok(tookMs >= 290 && tookMs < 900, `${tookMs} ms`);
  await upstream.connections[0]!.closed;
  await expectLedger(t, gateway, 1);
});

test('an answer that stops in the middle is cut when its time is over', async (t) => {
  const { upstream, gateway } = await setUp(
    t,
    answerBytes('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n'),
  );
  t.equal(await sendRaw(gateway.url, rawRequest(INFER)), null);
  await upstream.connections[0]!.closed;
  await expectLedger(t, gateway, 0, 1);
});

test('the timeout of a rule overrides that of the backend', async (t) => {
  const { gateway } = await setUp(t, () => {}, { backend: 'timeout: 1m', rule: 'timeout: 100ms' });
  await expectError(t, gateway, 504, 'UPSTREAM_TIMEOUT');
});

test('what is not a valid response is 502 and never passed on', async (t) => {
  const ok = 'HTTP/1.1 200 OK\r\n';
  const answers: Record<string, string> = {
    'no HTTP': 'SSH-2.0-OpenSSH_9.9\r\n\r\n',
    'two different lengths': `${ok}content-length: 2\r\ncontent-length: 3\r\n\r\n{}x`,
    'a length that is none': `${ok}content-length: +2\r\n\r\n{}`,
    'length and chunks': `${ok}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    'a space before the colon': `${ok}x-a : 1\r\ncontent-length: 2\r\n\r\n{}`,
    'a header with NUL': `${ok}x-a: a\0b\r\ncontent-length: 2\r\n\r\n{}`,
    'a header with a control character': `${ok}x-a: a\x01b\r\ncontent-length: 2\r\n\r\n{}`,
    'headers without end': `${ok}${'x-long: '.padEnd(1000, 'y')}\r\n`.repeat(40),
    'an upgrade': 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
  };
  let next = '';
  const { gateway } = await setUp(t, ({ socket }) => socket.write(next, 'latin1'));
  let count = 0;
  for (const [what, bytes] of Object.entries(answers)) {
    next = bytes;
    const answer = await sendRaw(gateway.url, rawRequest(INFER));
    t.match(answer?.status, 502, what);
    t.match(answer?.headers.get('makas-error'), /^UPSTREAM_(BAD_RESPONSE|RESET)$/, what);
    t.notMatch(answer?.body.toString(), /HPE|Parse|127/, what);
    count++;
  }
  await expectLedger(t, gateway, count);
  next = `${ok}content-length: 2\r\n\r\n{}`;
  t.equal((await sendRaw(gateway.url, rawRequest(INFER)))?.status, 200, 'and the next request is answered');
});

test('bytes behind an answer are never taken for the next answer', async (t) => {
  const good = 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood';
  const evil = 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil';
  const { gateway } = await setUp(t, answerBytes(good + evil));
  const client = await RawClient.connect(gateway.url);
  for (let i = 0; i < 20; i++) {
    client.send(rawRequest(INFER));
    const answer = await client.answer();
    if (answer?.status === 200) t.equal(answer.body.toString(), 'good');
    else t.equal(answer?.status, 502);
  }
  client.close();
});

test('more requests than connections and queue hold are answered 503 at once, the others are served', async (t) => {
  const waiting: (() => void)[] = [];
  const { gateway } = await setUp(
    t,
    ({ socket }) => waiting.push(() => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}')),
    { backend: 'connections: 2, queue: 3' },
  );
  const answers = Array.from({ length: 10 }, () => sendRaw(gateway.url, rawRequest(INFER)));
  let refused = 0;
  for (const answer of answers) void answer.then((got) => (refused += got?.status === 503 ? 1 : 0));
  await until('five are refused', () => refused === 5);
  t.equal(waiting.length, 2, 'two are at the server, three wait');
  const timer = setInterval(() => waiting.shift()?.(), 1);
  const statuses = (await Promise.all(answers)).map((answer) => answer?.status ?? 0);
  clearInterval(timer);
  t.strictSame(
    statuses.toSorted((a, b) => a - b),
    [200, 200, 200, 200, 200, 503, 503, 503, 503, 503],
  );
  t.equal(await gateway.metric('makas_errors_total{code="UPSTREAM_OVERLOADED"}'), 5);
  await expectLedger(t, gateway, 10);
});

test('requests given up while they wait for a connection cost the others nothing', async (t) => {
  const waiting: (() => void)[] = [];
  const { upstream, gateway } = await setUp(
    t,
    ({ socket }) => waiting.push(() => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}')),
    { backend: 'connections: 1, queue: 100' },
  );
  const first = sendRaw(gateway.url, rawRequest(INFER));
  await until('the first is there', () => waiting.length === 1);
  const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.connect(gateway.url)));
  for (const client of clients) client.send(rawRequest(INFER));
  await until('all wait', async () => (await gateway.ledger()).inflight === 21);
  for (const client of clients) client.close();
  await until('all gave up', async () => (await gateway.ledger()).inflight === 1);
  const last = sendRaw(gateway.url, rawRequest(INFER));
  waiting.shift()!();
  t.equal((await first)?.status, 200);
  await until('the last is there', () => waiting.length === 1);
  waiting.shift()!();
  t.equal((await last)?.status, 200);
  t.equal(upstream.connections.length, 1, 'the connection was kept');
  t.equal(upstream.received().match(/POST/g)?.length, 2, 'those given up were never sent');
  await expectLedger(t, gateway, 2, 20);
});

test('an answer above maxAnswer is refused when its length is announced, else cut', async (t) => {
  const body = 'x'.repeat(3000);
  let head = `content-length: ${body.length}\r\n\r\n${body}`;
  let rest = '';
  const answer = ({ socket }: { socket: Socket }): void => {
    socket.write(`HTTP/1.1 200 OK\r\n${head}`);
    if (rest !== '') setTimeout(() => socket.write(rest), 50);
  };
  const { gateway } = await setUp(t, answer, { backend: 'maxAnswer: 1KiB' });
  await expectError(t, gateway, 502, 'UPSTREAM_BAD_RESPONSE');
  head = 'transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n';
  rest = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  t.equal(await sendRaw(gateway.url, rawRequest(INFER)), null);
  await until('settled', async () => (await gateway.ledger()).inflight === 0);
});

test('a kept connection that is closed under a request is tried again at once, but not what was worked on for long', async (t) => {
  let delayMs = 0;
  let isClosing = false;
  const { upstream, gateway } = await setUp(
    t,
    ({ socket }) => {
      if (isClosing) setTimeout(() => socket.destroy(), delayMs);
      else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}');
      isClosing = false;
    },
    { backend: 'timeout: 5s' },
  );
  const client = await RawClient.connect(gateway.url);
  const ask = async (): Promise<number | undefined> => {
    client.send(rawRequest(INFER));
    return (await client.answer())?.status;
  };
  const requests = (): number => upstream.received().match(/POST/g)?.length ?? 0;
  t.equal(await ask(), 200);
  isClosing = true;
  // undici does not tell whether a connection was a kept one.
  t.equal(await ask(), currentLane() === 'express' ? 200 : 502);
  const sent = currentLane() === 'express' ? 3 : 2;
  t.equal(requests(), sent);
  t.equal(await ask(), 200);
  isClosing = true;
  delayMs = 700;
  t.equal(await ask(), 502);
  t.equal(requests(), sent + 2, 'it was not sent again');
  client.close();
});

test('an answer that broke while it waited behind another one closes the connection', async (t) => {
  const upstream = await startRawServer(({ socket, received }) => {
    if (!received().toString('latin1').includes('x-id: 2')) return;
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n');
    socket.write(Buffer.alloc(1_000_000, 'x'));
  });
  const gateway = await startGateway(oneRoute([upstream.url], { backend: 'timeout: 500ms' }));
  t.teardown(async () => {
    await gateway.close();
    await upstream.close();
  });
  const client = await RawClient.connect(gateway.url);
  client.send(Buffer.concat([rawRequest(INFER, '{}', ['x-id: 1']), rawRequest(INFER, '{}', ['x-id: 2'])]));
  t.equal((await client.answer())?.status, 504);
  t.equal(await client.answer(), null, 'nothing looks like the answer to the second');
  await client.closed;
  await until('settled', async () => (await gateway.ledger()).inflight === 0);
});
