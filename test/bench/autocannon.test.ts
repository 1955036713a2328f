import { createServer, type RequestListener } from 'node:http';
import { once } from 'node:events';
import { test, type Test } from 'tap';
import { freePort } from '../../bench/child.ts';
import { findAutocannon, runAutocannon } from '../../bench/load/autocannon.ts';
import { chooseLoad } from '../../bench/load/choose-load.ts';
import type { LoadGenerator, LoadOrder } from '../../bench/load/load.ts';
import { firstCase, type Case } from '../../bench/scenario.ts';
import { pass } from '../../bench/scenarios/pass.ts';

const PLAIN = firstCase(pass);
/** Few enough requests that a second goes through all of them, with bytes that are not characters of one byte. */
const CASE: Case = {
  ...PLAIN,
  requests: 50,
  request: (n) => ({ ...PLAIN.request(n), body: `{"name":"é ${n} [<id>]"}` }),
};

async function serve(t: Test, listener: RequestListener): Promise<number> {
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

function order(port: number, parts: Partial<LoadOrder> = {}): LoadOrder {
  return { case: CASE, port, connections: 8, seconds: 1, check: true, ...parts };
}

/** Answers with a status and a body after the request was read. */
function answer(status: number, body: string): RequestListener {
  return (request, response) => {
    request.resume();
    request.on('end', () => {
      response.writeHead(status, { 'content-length': Buffer.byteLength(body) });
      response.end(body);
    });
  };
}

test('autocannon goes through all units, sends every body byte for byte, and gives the figures of a phase', async (t) => {
  const bodies = new Map<unknown, Set<string>>();
  const requestLines = new Set<string>();
  const rightly = answer(200, CASE.answer.body);
  let count = 0;
  const port = await serve(t, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      count += 1;
      requestLines.add(`${request.method} ${request.url} ${request.headers['content-type']}`);
      const user = request.headers['x-user-id'];
      bodies.set(user, (bodies.get(user) ?? new Set()).add(Buffer.concat(chunks).toString()));
    });
    rightly(request, response);
  });
  const result = await runAutocannon(order(port));
  t.same([...requestLines], ['POST /v2/models/iris/infer application/json']);
  t.equal(bodies.size, CASE.requests);
  for (let n = 0; n < CASE.requests; n += 1) {
    t.same([...(bodies.get(`user-${n}`) ?? [])], [CASE.request(n).body]);
  }
  t.same(result.failures, { read: 0, timeout: 0, status: 0, body: 0 });
  t.ok(result.requests <= count && result.requests >= count - 8, 'all but those under way at the end');
  t.ok(result.seconds > 0.9 && result.seconds < 5, `${result.seconds} s`);
  t.ok(result.p50Us > 10 && result.p99Us >= result.p50Us, 'in microseconds');
});

test('more connections than requests share them', async (t) => {
  const users = new Set<unknown>();
  const rightly = answer(200, CASE.answer.body);
  const port = await serve(t, (request, response) => {
    users.add(request.headers['x-user-id']);
    rightly(request, response);
  });
  const { failures } = await runAutocannon(order(port, { case: { ...CASE, requests: 3 } }));
  t.same(failures, { read: 0, timeout: 0, status: 0, body: 0 });
  t.same(users, new Set(['user-0', 'user-1', 'user-2']));
});

test('a wrong status is always counted, a wrong body only where answers are compared, and never both', async (t) => {
  const wrong = answer(200, 'x'.repeat(CASE.answer.body.length));
  const right = answer(200, CASE.answer.body);
  const failed = answer(500, 'x');
  const port = await serve(t, (request, response) => {
    const user = request.headers['x-user-id'];
    if (user === 'user-0') wrong(request, response);
    else if (user === 'user-1') failed(request, response);
    else right(request, response);
  });
  const own = { ...CASE, requests: 4 };
  // One connection takes the four in turn, so the counts differ by one at most.
  const compared = await runAutocannon(order(port, { case: own, connections: 1 }));
  const { status = 0, body = 0, read } = compared.failures;
  t.ok(Math.abs(compared.requests - 4 * status) <= 4, `${status} of ${compared.requests} with a wrong status`);
  t.ok(Math.abs(body - status) <= 1, `${body} with a wrong body`);
  t.equal(read, 0);
  const blind = await runAutocannon(order(port, { case: own, connections: 1, check: false }));
  t.ok((blind.failures['status'] ?? 0) > 0);
  t.equal(blind.failures['body'], 0);
});

test('a connection that is closed before its answer is a failure, though autocannon opens it again', async (t) => {
  const right = answer(200, CASE.answer.body);
  let closed = 0;
  const port = await serve(t, (request, response) => {
    if (closed < 3 && request.headers['x-user-id'] === 'user-9') {
      closed += 1;
      request.socket.end();
    } else right(request, response);
  });
  const { failures } = await runAutocannon(order(port));
  t.equal(closed, 3);
  t.same(failures, { read: 3, timeout: 0, status: 0, body: 0 });
});

test('without a server nothing is answered and everything failed', async (t) => {
  const result = await runAutocannon(order(await freePort(), { connections: 1 }));
  t.match(result, { requests: 0, p50Us: 0, p99Us: 0 });
  t.ok((result.failures['read'] ?? 0) > 0);
});

test('an answer that autocannon could not compare byte for byte is refused', async (t) => {
  const own = { ...CASE, answer: { contentType: 'text/plain', body: 'é' } };
  await t.rejects(runAutocannon(order(1, { case: own })), /ASCII only/);
});

test('wrk is taken where it is installed, autocannon on request, and instead of wrk only with a loud line', (t) => {
  const make = (name: string): LoadGenerator => ({ name, version: '1', run: runAutocannon });
  const both = { wrk: make('wrk'), autocannon: make('autocannon') };
  const said: string[] = [];
  const say = (line: string): void => void said.push(line);
  t.equal(chooseLoad(null, both, say).name, 'wrk');
  t.equal(chooseLoad('autocannon', both, say).name, 'autocannon');
  t.same(said, []);
  t.equal(chooseLoad(null, { ...both, wrk: null }, say).name, 'autocannon');
  t.match(said.join('\n'), /!!! FALLBACK: wrk is not installed, the load comes from autocannon/);
  t.throws(() => chooseLoad('wrk', { ...both, wrk: null }, say), /wrk: not installed/);
  t.throws(() => chooseLoad(null, { wrk: null, autocannon: null }, say), /neither wrk nor autocannon/);
  t.match(findAutocannon(), { name: 'autocannon', version: /^\d+\.\d+\.\d+/ });
  t.end();
});
