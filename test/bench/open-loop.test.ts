import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { test, type Test } from 'tap';
import { holdConnections } from '../../bench/load/holder.ts';
import { runOpenLoop } from '../../bench/load/open-loop.ts';
import { Schedule } from '../../bench/load/schedule.ts';
import { readAnswer, renderWire } from '../../bench/load/wire.ts';
import { firstCase } from '../../bench/scenario.ts';
import { pass } from '../../bench/scenarios/pass.ts';

const PASS = firstCase(pass);

async function serve(t: Test, listener: RequestListener): Promise<{ server: Server; port: number }> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { server, port: address.port };
}

const answerRightly: RequestListener = (request, response) => {
  request.resume();
  request.on('end', () => {
    response.writeHead(200, { 'content-length': Buffer.byteLength(PASS.answer.body) });
    response.end(PASS.answer.body);
  });
};

test('requests are due at even distances, and being noticed late is remembered', (t) => {
  const schedule = new Schedule(1_000, 100, { leadSeconds: 0, seconds: 0.05 });
  t.equal(schedule.total, 5);
  t.equal(schedule.countDue(999), 0);
  t.equal(schedule.countDue(1_000), 1);
  t.equal(schedule.untilNextMs(1_000), 10);
  t.equal(schedule.countDue(1_034), 4);
  t.same([...schedule.lagMs], [0, 24, 14, 4, 0]);
  t.equal(schedule.dueMs(4), 1_040);
  t.equal(schedule.countDue(9_000), 5);
  t.equal(schedule.untilNextMs(9_000), Infinity);
  t.end();
});

test('an answer is read when it is whole, and any other framing than a length is an error', (t) => {
  const bytes = Buffer.from('HTTP/1.1 201 Created\r\nA: b\r\nContent-Length: 3\r\n\r\nabc');
  for (let cut = 0; cut < bytes.length; cut += 1) t.equal(readAnswer(bytes.subarray(0, cut)), null);
  const answer = readAnswer(bytes);
  t.equal(answer?.status, 201);
  t.equal(answer?.body.toString(), 'abc');
  t.throws(() => readAnswer(Buffer.concat([bytes, Buffer.from('x')])), /after the answer/);
  t.throws(() => readAnswer(Buffer.from('HTTP/1.1 200 OK\r\n\r\n')), /without content-length/);
  t.end();
});

test('a request states host and length', (t) => {
  const text = renderWire(PASS.request(1), 80).toString();
  t.match(text, /^POST \/v2\/models\/iris\/infer HTTP\/1\.1\r\nhost: 127\.0\.0\.1:80\r\n/);
  t.match(text, /\r\nx-user-id: user-1\r\n/);
  t.match(text, new RegExp(`\r\ncontent-length: ${Buffer.byteLength(PASS.request(1).body)}\r\n\r\n\\{`));
  t.end();
});

test('the open loop sends every request of its rate and goes through the units', async (t) => {
  const users = new Set<unknown>();
  const { port } = await serve(t, (request, response) => {
    users.add(request.headers['x-user-id']);
    answerRightly(request, response);
  });
  const result = await runOpenLoop({ case: PASS, port, rate: 300, seconds: 1, leadSeconds: 0 });
  t.equal(result.requests, 300);
  t.same(result.failures, { read: 0, timeout: 0, status: 0, body: 0 });
  t.equal(users.size, 300);
  t.ok(result.p99Us >= result.p50Us && result.p50Us > 0);
});

test('a pause of the server shows in the latency of every request that was due in it', async (t) => {
  // Answers nothing for half of the second, then everything at once.
  const waiting: (() => void)[] = [];
  let until = Infinity;
  const { port } = await serve(t, (request, response) => {
    if (until === Infinity) {
      until = Date.now() + 500;
      setTimeout(() => {
        for (const each of waiting) each();
      }, 500);
    }
    if (Date.now() < until) waiting.push(() => answerRightly(request, response));
    else answerRightly(request, response);
  });
  // More requests are due in the pause than there are connections: a closed loop would not have sent them.
  const result = await runOpenLoop({ case: PASS, port, rate: 1_000, seconds: 1, leadSeconds: 0 });
  t.equal(result.requests, 1_000);
  t.ok(result.p99Us > 400_000, `p99 ${result.p99Us}`);
});

test('what is slow in the lead is in no latency, but counts as a request', async (t) => {
  const startMs = performance.now();
  const { port } = await serve(t, (request, response) => {
    setTimeout(() => answerRightly(request, response), performance.now() - startMs < 400 ? 300 : 0);
  });
  const { requests, p99Us } = await runOpenLoop({ case: PASS, port, rate: 100, seconds: 1, leadSeconds: 2 });
  t.equal(requests, 300);
  t.ok(p99Us < 250_000, `p99 ${p99Us}`);
});

test('wrong statuses and bodies are counted', async (t) => {
  let n = 0;
  const { port } = await serve(t, (request, response) => {
    n += 1;
    if (n % 2 === 0) {
      answerRightly(request, response);
      return;
    }
    request.resume();
    response.writeHead(n % 4 === 1 ? 500 : 200, { 'content-length': 1 });
    response.end('x');
  });
  const { failures } = await runOpenLoop({ case: PASS, port, rate: 100, seconds: 1, leadSeconds: 0 });
  t.match(failures, { status: 25, body: 25, read: 0 });
});

test('held connections stay open, each after one right answer, and their loss is noticed', async (t) => {
  let answered = 0;
  const { server, port } = await serve(t, (request, response) => {
    answered += 1;
    answerRightly(request, response);
  });
  const holder = await holdConnections({ case: PASS, port, connections: 100 });
  t.teardown(holder.stop);
  t.equal(answered, 100);
  t.ok(holder.isWhole());
  const count = await new Promise<number>((resolve) => server.getConnections((_, open) => resolve(open)));
  t.equal(count, 100);
  server.closeAllConnections();
  const ended = Date.now() + 10_000;
  while (holder.isWhole() && Date.now() < ended) await new Promise((resolve) => setImmediate(resolve));
  t.notOk(holder.isWhole());
  t.match(holder.tail(), /was closed/);
});

test('a wrong answer ends the holder with an error', async (t) => {
  const { port } = await serve(t, (request, response) => {
    request.resume();
    response.end('wrong');
  });
  await t.rejects(holdConnections({ case: PASS, port, connections: 2 }), /had a wrong answer: 200/);
});
