import fc from 'fast-check';
import { test } from 'tap';
import { bindLoad } from '../../bench/load/bind-load.ts';
import { chooseCalls, countWrongLengths, headerWords, parseH2load, shareOf } from '../../bench/load/h2load.ts';
import { LatencyCounts } from '../../bench/load/latency-counts.ts';
import type { LoadGenerator, LoadResult } from '../../bench/load/load.ts';
import { firstCase, type GrpcCase } from '../../bench/scenario.ts';
import { grpc } from '../../bench/scenarios/grpc.ts';
import { pass } from '../../bench/scenarios/pass.ts';

const CASE = firstCase(grpc);

const OUTPUT = `finished in 2.01s, 39933.50 req/s, 5.79MB/s
requests: 79871 total, 79931 started, 79867 done, 79860 succeeded, 1 failed, 2 errored, 4 timeout
status codes: 79850 2xx, 3 3xx, 5 4xx, 9 5xx
traffic: 11.58MB (12144200) total, 1.60MB (1677207) headers (space savings 44.74%), 6.78MB (7108163) data
`;

test('the figures of h2load are read, and output without one of them is an error', (t) => {
  t.same(parseH2load(OUTPUT), {
    done: 79_867,
    failures: { failed: 1, errored: 2, timeout: 4, status: 17 },
    dataBytes: 7_108_163,
  });
  t.throws(() => parseH2load(OUTPUT.replace(' 4xx', '')), /no 4xx/);
  t.throws(() => parseH2load('connect failed'), /no done/);
  t.end();
});

test('answers that are an error status alone show in the octets of data, calls cut off at the end do not', (t) => {
  const counts = { ...parseH2load(OUTPUT), done: 100, dataBytes: 8_900 };
  t.equal(countWrongLengths(counts, 89, 4), 0);
  t.equal(countWrongLengths({ ...counts, dataBytes: 8_900 + 4 * 89 }, 89, 4), 0, 'data without trailers');
  t.equal(countWrongLengths({ ...counts, dataBytes: 0 }, 89, 4), 96);
  t.equal(countWrongLengths({ ...counts, dataBytes: 90 * 89 }, 89, 4), 6);
  t.equal(countWrongLengths({ ...counts, dataBytes: 16 * 8_900 }, 89, 4), 1_496, 'longer than they should be');
  t.end();
});

test('connections are dealt out to the processes, whose calls are of different users', (t) => {
  const users = chooseCalls(CASE, 64).map(({ metadata }) => metadata['x-user-id']);
  t.equal(new Set(users).size, 8);
  t.equal(chooseCalls(CASE, 4).length, 4);
  t.equal(chooseCalls(CASE, 1).length, 1);
  t.same(
    [0, 1, 2, 3].map((n) => shareOf(6, 4, n)),
    [2, 2, 1, 1],
  );
  t.end();
});

test('every call carries the fields of gRPC and its metadata', (t) => {
  const words = headerWords(CASE.call(7));
  t.equal(words.join(' '), '-H content-type: application/grpc -H te: trailers -H x-user-id: user-7');
  t.end();
});

test('latencies are read from the last column of the log', (t) => {
  const counts = new LatencyCounts();
  t.equal(counts.quantile(0.5), 0);
  counts.takeLog(Buffer.from('1795445345966186\t200\t1934\n1795445345966236\t200\t70000\n1795445345967222\t-1\t17\n'));
  t.same([counts.quantile(0), counts.quantile(0.5), counts.quantile(1)], [17, 1_934, 70_000]);
  t.end();
});

test('a quantile is the least latency that so many do not exceed, however large they are', (t) => {
  fc.assert(
    fc.property(fc.array(fc.nat(200_000), { minLength: 1 }), fc.integer({ min: 0, max: 100 }), (all, percent) => {
      const counts = new LatencyCounts();
      for (const each of all) counts.take(each);
      const sorted = all.toSorted((a, b) => a - b);
      const rank = Math.max(1, Math.ceil((all.length * percent) / 100));
      return counts.quantile(percent / 100) === sorted[rank - 1];
    }),
    { seed: 7, numRuns: 200 },
  );
  t.end();
});

test('each case gets the generator of its protocol, and gRPC none but its own', async (t) => {
  const result: LoadResult = { requests: 1, seconds: 1, p50Us: 1, p99Us: 1, failures: {} };
  const sent: unknown[] = [];
  const http: LoadGenerator = {
    name: 'wrk',
    version: '1',
    run: async (order) => {
      sent.push(order);
      return result;
    },
  };
  const own: LoadGenerator<GrpcCase> = {
    name: 'h2load',
    version: '2',
    run: async (order) => {
      sent.push(order);
      return result;
    },
  };
  const shape = { port: 1, connections: 2, seconds: 3, check: false };
  const load = bindLoad({ http, grpc: own }, CASE);
  t.equal(load.name, 'h2load');
  await load.run(shape);
  const plain = bindLoad({ http, grpc: null }, firstCase(pass));
  t.equal(plain.name, 'wrk');
  await plain.run(shape);
  t.same(sent, [
    { ...shape, case: CASE },
    { ...shape, case: firstCase(pass) },
  ]);
  t.throws(() => bindLoad({ http, grpc: null }, CASE), /h2load: not installed/);
});
