import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { test } from 'tap';

import type { Backend, Route, Snapshot } from '../../src/core/snapshot.ts';
import { PromMetrics } from '../../src/edges/telemetry/metrics.ts';
import { metrics as table } from '../../src/gateway/metric-names.ts';
import { MetricsSink, showEndpoints } from '../../src/gateway/metrics-sink.ts';
import type { Live } from '../../src/gateway/live.ts';
import type { DecisionRecord } from '../../src/gateway/record.ts';

const root = join(import.meta.dirname, '../..');
const endpoint = { origin: 'http://127.0.0.1:9001', prefix: '', id: 'a', isGrpc: false };

/** As much of a snapshot as counting looks at. */
function snapshotOf(routes: readonly string[], backends: readonly string[]): Snapshot {
  const named = (name: string, index: number) => ({ name, index, endpoints: [endpoint] });
  return { routes: routes.map(named), backends: backends.map(named) } as unknown as Snapshot;
}

function recordOf(
  snapshot: Snapshot,
  route: number,
  backend: number,
  fields: Partial<DecisionRecord> = {},
): DecisionRecord {
  return {
    snapshot,
    route: snapshot.routes[route] ?? null,
    assignment: backend < 0 ? null : { backend: snapshot.backends[backend] },
    attempts: [],
    startMs: 1000,
    endMs: 1010,
    featuresMs: 2,
    upstreamMs: 7,
    stream: null,
    status: 200,
    error: null,
    outcome: 'answered',
    ...fields,
  } as unknown as DecisionRecord;
}

async function samplesOf(metrics: PromMetrics): Promise<Map<string, number>> {
  const { body } = await metrics.render();
  const lines = body.split('\n').filter((line) => line.startsWith('makas_'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

function sumOf(samples: Map<string, number>, name: string): number {
  return [...samples]
    .filter(([key]) => key === name || key.startsWith(`${name}{`))
    .reduce((sum, [, value]) => sum + value, 0);
}

test('a completed request counts once under route, backend and code, with its duration and its own time', async (t) => {
  const metrics = new PromMetrics();
  const sink = new MetricsSink(metrics);
  const snapshot = snapshotOf(['iris', 'wine'], ['v1', 'v2']);
  sink.adopt(snapshot);
  sink.record(recordOf(snapshot, 1, 0));
  sink.record(recordOf(snapshot, 1, 0));
  sink.record(recordOf(snapshot, 1, 1, { status: 503, error: 'NO_ENDPOINT', outcome: 'refused' }));
  const samples = await samplesOf(metrics);
  t.equal(samples.get('makas_requests_total{route="wine",backend="v1",code="200"}'), 2);
  t.equal(samples.get('makas_requests_total{route="wine",backend="v2",code="503"}'), 1);
  t.equal(samples.get('makas_errors_total{code="NO_ENDPOINT"}'), 1);
  t.equal(samples.get('makas_request_duration_seconds_count{route="wine",backend="v1"}'), 2);
  t.equal(samples.get('makas_request_duration_seconds_sum{route="wine",backend="v1"}'), 0.02);
  t.ok(Math.abs((samples.get('makas_overhead_seconds_sum{route="wine"}') ?? 0) - 0.003) < 1e-9, '10 - 2 - 7 ms each');
  t.equal(samples.get('makas_overhead_seconds_bucket{le="0.001",route="wine"}'), 3);
  t.equal(samples.get('makas_overhead_seconds_bucket{le="0.0005",route="wine"}'), 0);
});

test('started is completed and aborted together, whatever happens to the requests', async (t) => {
  const metrics = new PromMetrics();
  const sink = new MetricsSink(metrics);
  const snapshot = snapshotOf(['iris'], ['v1']);
  const ends: [number, number, Partial<DecisionRecord>][] = [
    [0, 0, {}],
    [0, 0, { status: 404 }],
    [-1, -1, { status: 404, error: 'ROUTE_NOT_FOUND', outcome: 'refused' }],
    [0, -1, { status: 422, error: 'FEATURE_MISSING', outcome: 'refused' }],
    [0, 0, { status: 499, error: 'CLIENT_CLOSED', outcome: 'client-closed' }],
    [-1, -1, { status: 499, error: 'CLIENT_CLOSED', outcome: 'client-closed' }],
    [0, 0, { status: 200, error: 'UPSTREAM_RESET', outcome: 'broken' }],
  ];
  for (const [route, backend, fields] of ends) sink.record(recordOf(snapshot, route, backend, fields));
  const samples = await samplesOf(metrics);
  t.equal(sumOf(samples, 'makas_requests_total'), 4);
  t.equal(samples.get('makas_requests_total{route="none",backend="none",code="404"}'), 1);
  t.equal(samples.get('makas_requests_total{route="iris",backend="none",code="422"}'), 1);
  t.equal(samples.get('makas_requests_aborted_total{reason="client-closed"}'), 2);
  t.equal(samples.get('makas_requests_aborted_total{reason="broken"}'), 1);
  t.equal(samples.get('makas_errors_total{code="CLIENT_CLOSED"}'), 2);
  t.equal(sumOf(samples, 'makas_requests_total') + sumOf(samples, 'makas_requests_aborted_total'), ends.length);
});

test('each attempt counts with its result, and those after the first as retries', async (t) => {
  const metrics = new PromMetrics();
  const sink = new MetricsSink(metrics);
  const snapshot = snapshotOf(['iris'], ['v1']);
  const attempt = { endpoint, startMs: 0, endMs: 4, status: 0, error: null };
  sink.record(
    recordOf(snapshot, 0, 0, {
      attempts: [
        { ...attempt, error: 'UPSTREAM_CONNECT' },
        { ...attempt, status: 200 },
      ],
    }),
  );
  sink.record(recordOf(snapshot, 0, 0, { attempts: [{ ...attempt, status: 500 }], status: 500 }));
  sink.record(
    recordOf(snapshot, 0, 0, {
      attempts: [{ ...attempt, error: 'CLIENT_CLOSED' }],
      status: 499,
      outcome: 'client-closed',
    }),
  );
  const samples = await samplesOf(metrics);
  const results = (result: string) => samples.get(`makas_upstream_attempts_total{backend="v1",result="${result}"}`);
  t.same(['ok', '5xx', 'upstream_connect', 'client_closed'].map(results), [1, 1, 1, 1]);
  t.equal(samples.get('makas_upstream_retries_total{backend="v1"}'), 1);
  t.equal(samples.get('makas_upstream_duration_seconds_count{backend="v1"}'), 4);
});

test('a request of an older snapshot counts under its own names after a reload, and the numbers go on', async (t) => {
  const metrics = new PromMetrics();
  const sink = new MetricsSink(metrics);
  const old = snapshotOf(['iris', 'gone'], ['v1']);
  const fresh = snapshotOf(['new', 'iris'], ['v2', 'v1']);
  sink.adopt(old);
  sink.record(recordOf(old, 0, 0));
  sink.adopt(fresh);
  sink.record(recordOf(old, 1, 0));
  sink.record(recordOf(old, 0, 0));
  sink.record(recordOf(fresh, 1, 1));
  sink.record(recordOf(fresh, 0, 0));
  const samples = await samplesOf(metrics);
  t.equal(samples.get('makas_requests_total{route="iris",backend="v1",code="200"}'), 3);
  t.equal(samples.get('makas_requests_total{route="gone",backend="v1",code="200"}'), 1);
  t.equal(samples.get('makas_requests_total{route="new",backend="v2",code="200"}'), 1);
  t.equal(sumOf(samples, 'makas_requests_total'), 5);
});

test('a model server that answers with invented codes does not make more than 500 series', async (t) => {
  const metrics = new PromMetrics();
  const sink = new MetricsSink(metrics);
  const snapshot = snapshotOf(['iris'], ['v1']);
  for (let status = 0; status < 2000; status++) sink.record(recordOf(snapshot, 0, 0, { status }));
  const samples = await samplesOf(metrics);
  t.equal([...samples.keys()].filter((key) => key.startsWith('makas_requests_total{')).length, 501);
  t.equal(samples.get('makas_requests_total{route="iris",backend="v1",code="other"}'), 1500);
});

test('endpoints show what is under way and whether they are passed over, and leave with their snapshot', async (t) => {
  const metrics = new PromMetrics();
  const pools = [
    { endpoint, inflight: 3, downUntilMs: 0 },
    { endpoint: { ...endpoint, origin: 'http://b:1', prefix: '/m' }, inflight: 0, downUntilMs: 500 },
  ];
  const backend = { name: 'v1', index: 0 } as Backend;
  let live: Pick<Live, 'snapshot' | 'poolsOf'> = {
    snapshot: { backends: [backend] } as unknown as Snapshot,
    poolsOf: () => pools,
  };
  metrics.onScrape(() => showEndpoints(metrics, live, 499));
  const before = await samplesOf(metrics);
  t.equal(before.get('makas_endpoint_inflight{backend="v1",endpoint="http://127.0.0.1:9001"}'), 3);
  t.equal(before.get('makas_endpoint_up{backend="v1",endpoint="http://127.0.0.1:9001"}'), 1);
  t.equal(before.get('makas_endpoint_up{backend="v1",endpoint="http://b:1/m"}'), 0);
  live = { snapshot: { backends: [] as Backend[], routes: [] as Route[] } as unknown as Snapshot, poolsOf: () => [] };
  t.same(
    [...(await samplesOf(metrics)).keys()].filter((key) => key.includes('endpoint')),
    [],
  );
});

test('the table of metrics and the names in the code are the same', (t) => {
  const used = new Set<string>();
  for (const folder of ['src', 'plugins']) {
    for (const file of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.ts') || file.endsWith('metric-names.ts')) continue;
      const text = readFileSync(join(root, folder, file), 'utf8');
      for (const [, name] of text.matchAll(/['"`](makas_[a-z0-9_]+)['"`]/g)) used.add(name as string);
    }
  }
  const declared = new Set(Object.keys(table));
  t.same(
    [...used].filter((name) => !declared.has(name)),
    [],
    'names that are used but not declared',
  );
  t.same(
    [...declared].filter((name) => !used.has(name)),
    [],
    'names that are declared but not used',
  );
  t.end();
});

test('metric names follow the conventions of Prometheus', (t) => {
  for (const [name, { kind, help, labels, ...rest }] of Object.entries(table)) {
    t.match(name, /^makas_[a-z][a-z0-9_]*$/);
    t.equal(name.endsWith('_total'), kind === 'counter', `${name} ends with _total exactly when it is a counter`);
    t.match(help, /^[A-Z].*\.$/s, `${name} has a sentence of help`);
    t.equal(new Set(labels).size, labels.length);
    const { buckets } = rest as { buckets?: readonly number[] };
    t.equal(buckets !== undefined, kind === 'histogram');
    t.same(buckets, buckets && [...new Set(buckets)].sort((a, b) => a - b), `the buckets of ${name} ascend`);
  }
  t.end();
});
