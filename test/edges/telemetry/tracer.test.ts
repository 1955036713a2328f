import { setImmediate as nextTurn } from 'node:timers/promises';

import { test, type Test } from 'tap';

import type { DecisionRecord } from '../../../src/gateway/record.ts';
import type { RequestTrace } from '../../../src/gateway/ports.ts';
import { PromMetrics } from '../../../src/edges/telemetry/metrics.ts';
import { createTracer, type TracerPorts, type TracingSettings } from '../../../src/edges/telemetry/tracer.ts';
import { startCollector, type ReceivedSpan } from './collector.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const START = Date.UTC(2026, 0, 2, 3, 4, 5);
const SERVER = 2;
const CLIENT = 3;
const INTERNAL = 1;
const ERROR = 2;

function portsOf(t: Test, draw = 0) {
  const metrics = new PromMetrics();
  const warnings: string[] = [];
  const steady = { ms: 500 };
  const ignore = (): void => {};
  const ports: TracerPorts = {
    clock: { now: () => START, steady: () => steady.ms },
    logger: {
      debug: ignore,
      info: ignore,
      warn: (_fields, message) => void warnings.push(message),
      error: (_fields, message) => t.fail(message),
    },
    metrics,
    draw: () => draw,
  };
  return { metrics, warnings, steady, ports };
}

function setUp(t: Test, url: string, fields: Partial<TracingSettings> = {}, draw = 0) {
  const set = portsOf(t, draw);
  const settings = { endpoint: url, sample: 0.5, name: 'makas-test', headers: { 'x-key': 'k' }, delayMs: 1, ...fields };
  return { ...set, tracer: createTracer(settings, set.ports) };
}

function recordOf(fields: Partial<DecisionRecord> = {}): DecisionRecord {
  return {
    snapshot: { hash: 'abcdef0123456789' },
    facts: { method: 'POST', operation: 'infer', requestId: 'r-1' },
    route: { name: 'iris' },
    rule: { name: 'live' },
    assignment: { backend: { name: 'v1' }, arm: 'a', propensity: 0.25 },
    status: 200,
    error: null,
    outcome: 'answered',
    startMs: 500,
    endMs: 530,
    ...fields,
  } as unknown as DecisionRecord;
}

function traced(t: Test, trace: RequestTrace | null): RequestTrace {
  if (trace === null) t.bailout('the request was not sampled');
  return trace as RequestTrace;
}

async function countOf(metrics: PromMetrics, result: string): Promise<number> {
  const { body } = await metrics.render();
  return Number(new RegExp(`makas_trace_spans_total\\{result="${result}"\\} (\\d+)`).exec(body)?.[1]);
}

/** What a client sent of the trace context. */
function sent(traceparent?: string, tracestate?: string) {
  const values = new Map(Object.entries({ traceparent, tracestate }));
  return { get: (name: string) => values.get(name) };
}

test('without settings there is no trace, whatever the client asks for', async (t) => {
  const tracer = await createTracer(null, portsOf(t).ports);
  t.equal(tracer.begin(sent(`00-${TRACE}-${PARENT}-01`), 'POST', '/v2/models/iris/infer', START), null);
  await tracer.shutdown(10);
});

test('a sampled request becomes a span for itself, its features and each attempt, under the parent of the client', async (t) => {
  const collector = await startCollector(t);
  const { tracer: made, steady, metrics } = setUp(t, collector.url);
  const tracer = await made;
  t.teardown(() => tracer.shutdown(100));
  const trace = traced(
    t,
    tracer.begin(sent(`00-${TRACE}-${PARENT}-01`, 'vendor=1,other=2'), 'POST', '/v2/models/iris/infer', START),
  );
  t.equal(trace.traceId, TRACE);
  trace.features(502, 504, ['flower'], false);
  steady.ms = 505;
  const first = trace.startAttempt('v1', 'http://127.0.0.1:9001');
  steady.ms = 506;
  first.end(0, 'UPSTREAM_CONNECT');
  const second = trace.startAttempt('v1', 'http://model.example');
  steady.ms = 529.5;
  second.end(200, null);
  trace.end(recordOf());
  const spans = await collector.receive(4);

  const server = spans.find(({ kind }) => kind === SERVER) as ReceivedSpan;
  t.match(server, { name: 'POST infer', traceId: TRACE, parentSpanId: PARENT, traceState: 'vendor=1,other=2' });
  t.same(server.attributes, {
    'http.request.method': 'POST',
    'url.path': '/v2/models/iris/infer',
    'url.scheme': 'http',
    'http.response.status_code': 200,
    'makas.config': 'abcdef0123456789',
    'makas.request_id': 'r-1',
    'makas.outcome': 'answered',
    'makas.route': 'iris',
    'makas.rule': 'live',
    'makas.backend': 'v1',
    'makas.arm': 'a',
    'makas.propensity': 0.25,
  });
  t.equal(server.status.code ?? 0, 0);
  t.equal(server.startTimeUnixNano, `${START}000000`);
  t.equal(server.endTimeUnixNano, `${START + 30}000000`);
  t.match(server.resource, { 'service.name': 'makas-test' });

  const features = spans.find(({ kind }) => kind === INTERNAL) as ReceivedSpan;
  t.match(features, {
    name: 'features',
    traceId: TRACE,
    parentSpanId: server.spanId,
    attributes: { 'makas.views': ['flower'] },
  });
  t.equal(features.startTimeUnixNano, `${START + 2}000000`);
  t.equal(features.endTimeUnixNano, `${START + 4}000000`);

  const attempts = spans.filter(({ kind }) => kind === CLIENT);
  t.same(
    attempts.map(({ parentSpanId }) => parentSpanId),
    [server.spanId, server.spanId],
  );
  t.same(
    [first, second].map(({ traceparent }) => traceparent),
    attempts.map(({ spanId }) => `00-${TRACE}-${spanId}-01`),
  );
  t.match(attempts[0], {
    status: { code: ERROR },
    attributes: { 'error.type': 'UPSTREAM_CONNECT', 'server.address': '127.0.0.1', 'server.port': 9001 },
  });
  t.equal(attempts[0]?.attributes['http.request.resend_count'], undefined);
  t.match(attempts[1], {
    attributes: {
      'http.request.resend_count': 1,
      'http.response.status_code': 200,
      'server.port': 80,
      'makas.backend': 'v1',
    },
  });
  t.equal(attempts[1]?.status.code ?? 0, 0);

  t.equal(collector.headers[0]?.['x-key'], 'k');
  await tracer.shutdown(1000);
  t.equal(await countOf(metrics, 'exported'), 4);
});

test('the decision of the client holds; without one, or with an invalid one, the share decides', async (t) => {
  const collector = await startCollector(t);
  const begin = async (draw: number, traceparent?: string, sample = 0.5): Promise<RequestTrace | null> => {
    const tracer = await setUp(t, collector.url, { sample }, draw).tracer;
    t.teardown(() => tracer.shutdown(100));
    return tracer.begin(sent(traceparent), 'GET', '/', START);
  };
  t.equal(await begin(0, `00-${TRACE}-${PARENT}-00`, 1), null);
  t.ok(await begin(0.99, `00-${TRACE}-${PARENT}-03`, 0));
  t.equal(await begin(0.5), null);
  t.ok(await begin(0.49));
  t.equal(await begin(0, undefined, 0), null);
  t.equal(await begin(0.5, `00-${TRACE}-${PARENT}-01x`), null);
  const root = await begin(0.49, `00-${'0'.repeat(32)}-${PARENT}-01`);
  t.match(root?.traceId, /^(?!0{32})[0-9a-f]{32}$/);
});

test('an answer of 5xx or a broken one is an error of the server span, a 4xx is not', async (t) => {
  const collector = await startCollector(t);
  const tracer = await setUp(t, collector.url).tracer;
  t.teardown(() => tracer.shutdown(100));
  const ends: Partial<DecisionRecord>[] = [
    { status: 404, error: 'ROUTE_NOT_FOUND', outcome: 'refused', route: null, rule: null, assignment: null },
    { status: 503, error: 'NO_ENDPOINT', outcome: 'refused' },
    { status: 500 },
    { status: 200, error: 'UPSTREAM_RESET', outcome: 'broken' },
  ];
  for (const end of ends) traced(t, tracer.begin(sent(), 'POST', '/', START)).end(recordOf(end));
  const spans = await collector.receive(4);
  t.same(
    spans.map(({ status }) => status.code ?? 0),
    [0, ERROR, ERROR, ERROR],
  );
  t.same(
    spans.map(({ attributes }) => attributes['error.type']),
    ['ROUTE_NOT_FOUND', 'NO_ENDPOINT', '500', 'UPSTREAM_RESET'],
  );
  t.equal(spans[0]?.attributes['makas.route'], undefined);
  t.equal(new Set(spans.map(({ traceId }) => traceId)).size, 4);
});

test('a collector that refuses costs the spans and one warning', async (t) => {
  const collector = await startCollector(t, 'refuses');
  const { tracer: made, metrics, warnings } = setUp(t, collector.url);
  const tracer = await made;
  for (let i = 0; i < 300; i++) traced(t, tracer.begin(sent(), 'POST', '/', START)).end(recordOf());
  t.teardown(() => tracer.shutdown(100));
  while ((await countOf(metrics, 'failed')) < 300) await nextTurn();
  t.equal(await countOf(metrics, 'exported'), 0);
  t.same(warnings, ['the trace collector does not take spans; they are let go']);
});

test('behind a collector that hangs the queue is bounded', async (t) => {
  const collector = await startCollector(t, 'hangs');
  const { tracer: made, metrics } = setUp(t, collector.url, { timeoutMs: 1500 });
  const tracer = await made;
  for (let i = 0; i < 5000; i++) traced(t, tracer.begin(sent(), 'POST', '/', START)).end(recordOf());
  const dropped = await countOf(metrics, 'dropped');
  t.ok(dropped >= 5000 - 2048 - 128 && dropped < 5000, `${dropped} dropped`);
  await tracer.shutdown(50);
});

test('the end does not wait for a collector that hangs', async (t) => {
  const collector = await startCollector(t, 'hangs');
  const tracer = await setUp(t, collector.url, { timeoutMs: 1500 }).tracer;
  traced(t, tracer.begin(sent(), 'POST', '/', START)).end(recordOf());
  const startMs = performance.now();
  await tracer.shutdown(50);
  const tookMs = performance.now() - startMs;
  t.ok(tookMs > 40 && tookMs < 1000, `${tookMs} ms`);
});
