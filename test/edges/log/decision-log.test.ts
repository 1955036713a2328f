import { constants, openSync, readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import { test, type Test } from 'tap';

import { murmur3 } from '../../../src/core/hash.ts';
import { DecisionLog } from '../../../src/edges/log/decision-log.ts';
import { LineOutput } from '../../../src/edges/log/line-output.ts';
import { PromMetrics } from '../../../src/edges/telemetry/metrics.ts';
import type { DecisionRecord } from '../../../src/gateway/record.ts';

type Line = Record<string, unknown>;

function setUp(t: Test) {
  const path = join(t.testdir(), 'log');
  const output = new LineOutput({ fileDescriptor: openSync(path, 'a') });
  const metrics = new PromMetrics();
  const log = new DecisionLog(output, metrics, (text) => text.replaceAll('secret', '***'));
  const read = (): Line[] => {
    output.flushNow();
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line);
  };
  return { log, read, metrics };
}

async function valueOf(metrics: PromMetrics, series: string): Promise<number> {
  const { body } = await metrics.render();
  return Number(
    body
      .split('\n')
      .find((line) => line.startsWith(`${series} `))
      ?.split(' ')[1],
  );
}

const facts = {
  requestId: 'r-1',
  timeMs: Date.UTC(2026, 0, 2),
  method: 'POST',
  path: '/v2/models/iris/infer',
  protocol: 'oip',
  operation: 'infer',
  model: 'iris',
  version: '',
};

function recordOf(fields: object = {}): DecisionRecord {
  return {
    snapshot: { hash: 'abcdef0123456789' },
    facts,
    route: { name: 'iris' },
    rule: { name: 'live', logShare: 1 },
    assignment: null,
    token: 'a-token-that-can-reward',
    views: [],
    attempts: [],
    startMs: 1000,
    endMs: 1010.12345,
    featuresMs: 2,
    upstreamMs: 7,
    status: 200,
    error: null,
    outcome: 'answered',
    requestBytes: 10,
    answerBytes: 20,
    traceId: null,
    ...fields,
  } as unknown as DecisionRecord;
}

test('a line says what was decided and what came of it, without the unit and the token', (t) => {
  const { log, read } = setUp(t);
  const endpoint = { origin: 'http://127.0.0.1:9001', prefix: '/m', id: 'a', isGrpc: false };
  log.record(
    recordOf({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      assignment: {
        backend: { name: 'iris-v1' },
        arm: 'a',
        armIndex: 0,
        propensity: 0.25,
        unit: 'ann@example.com',
        isSticky: true,
        bucket: 0.5,
        bandit: { name: 'live' },
        posteriorVersion: 77,
      },
      views: [
        {
          view: 'flower',
          viewIndex: 0,
          rows: 2,
          statuses: [6, 0, 1, 0, 1, 0, 0],
          firstRow: [],
          ageMs: 1500,
          cached: 1,
          error: 'timeout',
        },
      ],
      attempts: [
        { endpoint, status: 0, error: 'UPSTREAM_CONNECT', startMs: 1001, endMs: 1002 },
        { endpoint, status: 200, error: null, startMs: 1002, endMs: 1008.5 },
      ],
    }),
  );
  const lines = read();
  t.same(lines, [
    {
      level: 'info',
      time: '2026-01-02T00:00:00.000Z',
      type: 'decision',
      request_id: 'r-1',
      trace_id: '0af7651916cd43dd8448eb211c80319c',
      config: 'abcdef0123456789',
      protocol: 'oip',
      operation: 'infer',
      method: 'POST',
      path: '/v2/models/iris/infer',
      model: 'iris',
      version: '',
      route: 'iris',
      rule: 'live',
      arm: 'a',
      backend: 'iris-v1',
      unit: murmur3('ann@example.com').toString(16).padStart(8, '0'),
      sticky: true,
      bucket: 0.5,
      propensity: 0.25,
      bandit: 'live',
      posterior_version: 77,
      views: [
        {
          view: 'flower',
          rows: 2,
          statuses: { present: 6, not_found: 1, defaulted: 1 },
          cached: 1,
          age_ms: 1500,
          error: 'timeout',
        },
      ],
      attempts: [
        { endpoint: 'http://127.0.0.1:9001/m', status: 0, error: 'UPSTREAM_CONNECT', ms: 1 },
        { endpoint: 'http://127.0.0.1:9001/m', status: 200, error: null, ms: 6.5 },
      ],
      status: 200,
      code: null,
      flag: null,
      outcome: 'answered',
      ms: { total: 10.123, features: 2, upstream: 7, overhead: 1.123 },
      bytes: { in: 10, out: 20 },
    },
  ]);
  t.end();
});

test('a share of the decisions is logged, the same ones on every replica', async (t) => {
  const ids = Array.from({ length: 10_000 }, (_, i) => `request-${i}`);
  const logged = async (test: Test): Promise<unknown[]> => {
    const { log, read, metrics } = setUp(test);
    for (const requestId of ids)
      log.record(recordOf({ facts: { ...facts, requestId }, rule: { name: 'live', logShare: 0.1 } }));
    const lines = read().map(({ request_id }) => request_id);
    test.equal(await valueOf(metrics, 'makas_decisions_logged_total'), lines.length);
    return lines;
  };
  let first: unknown[] = [];
  await t.test('one replica', async (t) => void (first = await logged(t)));
  // 3 sigma of a binomial count: 3 * sqrt(10000 * 0.1 * 0.9) = 90.
  t.ok(Math.abs(first.length - 1000) < 90, `${first.length} logged`);
  await t.test('another replica', async (t) => t.same(await logged(t), first));
});

test('errors are logged whatever the share: of Makas, of the model, broken answers; nothing else is', (t) => {
  const { log, read } = setUp(t);
  const rule = { name: 'live', logShare: 0 };
  log.record(recordOf({ rule }));
  log.record(recordOf({ rule, status: 400 }));
  log.record(recordOf({ rule: null, route: null, status: 404, error: 'ROUTE_NOT_FOUND', outcome: 'refused' }));
  log.record(recordOf({ rule, status: 500 }));
  log.record(recordOf({ rule, status: 200, error: 'UPSTREAM_RESET', outcome: 'broken' }));
  t.same(
    read().map(({ status, code, flag, outcome }) => [status, code, flag, outcome]),
    [
      [404, 'ROUTE_NOT_FOUND', 'NR', 'refused'],
      [500, null, null, 'answered'],
      [200, 'UPSTREAM_RESET', 'UC', 'broken'],
    ],
  );
  t.end();
});

test('a storm of errors is cut to a hundred in a second and counted; those of clients do not hide those of models', async (t) => {
  const { log, read, metrics } = setUp(t);
  const rule = { name: 'live', logShare: 0 };
  for (let i = 0; i < 1000; i++)
    log.record(recordOf({ rule: null, status: 404, error: 'ROUTE_NOT_FOUND', endMs: 5000 + i / 1000 }));
  log.record(recordOf({ rule, status: 503, error: 'NO_ENDPOINT', endMs: 5001 }));
  t.same(read().length, 101);
  t.equal(await valueOf(metrics, 'makas_decisions_log_dropped_total{reason="rate"}'), 900);
  for (let i = 0; i < 1000; i++) log.record(recordOf({ rule, status: 503, error: 'NO_ENDPOINT', endMs: 6001 }));
  t.same(read().length, 201, 'a second later there is room again');
  log.record(recordOf({ status: 503, error: 'NO_ENDPOINT', endMs: 6001 }));
  t.same(read().length, 202, 'what the share takes is not cut');
});

test('secrets and odd characters of clients stay inside their texts', (t) => {
  const { log, read } = setUp(t);
  log.record(recordOf({ facts: { ...facts, path: '/v2/models/secret"\n{}/infer', model: 'secret"\n{}' } }));
  t.match(read(), [{ path: '/v2/models/***"\n{}/infer', model: '***"\n{}' }]);
  t.end();
});

test('behind a slow reader lines are dropped and counted', async (t) => {
  const pipe = join(t.testdir(), 'pipe');
  execFileSync('mkfifo', [pipe]);
  const fileDescriptor = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
  const output = new LineOutput({ fileDescriptor, bufferBytes: 50_000 });
  const metrics = new PromMetrics();
  const log = new DecisionLog(output, metrics, (text) => text);
  for (let i = 0; i < 1000; i++) log.record(recordOf());
  const dropped = await valueOf(metrics, 'makas_decisions_log_dropped_total{reason="buffer"}');
  t.ok(dropped > 700, `${dropped} dropped`);
  t.equal(await valueOf(metrics, 'makas_decisions_logged_total'), 1000 - dropped);
  await output.close();
});
