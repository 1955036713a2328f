import { test } from 'tap';

import { metrics as table } from '../../../src/gateway/metric-names.ts';
import { PromMetrics } from '../../../src/edges/telemetry/metrics.ts';
import { negotiate } from '../../../src/edges/telemetry/negotiate.ts';

async function linesOf(metrics: PromMetrics, part: string, accept?: string): Promise<string[]> {
  const { body } = await metrics.render(accept);
  return body.split('\n').filter((line) => line.includes(part) && !line.startsWith('#'));
}

test('a counter shows the sum of its steps and never goes down', async (t) => {
  const metrics = new PromMetrics();
  const counter = metrics.counter('makas_requests_total', 'iris', 'v1', '200');
  counter.inc();
  counter.inc(2.5);
  counter.inc(-1);
  counter.inc(Number.NaN);
  t.same(await linesOf(metrics, 'makas_requests_total'), [
    'makas_requests_total{route="iris",backend="v1",code="200"} 3.5',
  ]);
});

test('asking again for the same labels gives the same series', (t) => {
  const metrics = new PromMetrics();
  t.equal(metrics.counter('makas_errors_total', 'INTERNAL'), metrics.counter('makas_errors_total', 'INTERNAL'));
  t.not(metrics.counter('makas_errors_total', 'INTERNAL'), metrics.counter('makas_errors_total', 'DRAINING'));
  t.equal(metrics.histogram('makas_overhead_seconds', 'r'), metrics.histogram('makas_overhead_seconds', 'r'));
  t.not(
    metrics.counter('makas_shadow_mismatch_total', 'a","b', 'c'),
    metrics.counter('makas_shadow_mismatch_total', 'a', 'b","c'),
  );
  t.end();
});

test('an unknown name, a wrong kind and a wrong number of labels are refused at load', (t) => {
  const metrics = new PromMetrics();
  t.throws(() => metrics.counter('makas_nonsense_total'), /unknown metric makas_nonsense_total/);
  t.throws(() => metrics.gauge('makas_errors_total', 'X'), /not a gauge/);
  t.throws(() => metrics.counter('makas_degraded', 'X'), /not a counter/);
  t.throws(() => metrics.histogram('makas_errors_total', 'X'), /not a histogram/);
  t.throws(() => metrics.counter('makas_errors_total'), /has the labels \(code\), not 0/);
  t.throws(() => metrics.counter('makas_errors_total', 'a', 'b'), /not 2/);
  t.end();
});

test('a histogram counts a value in every bucket from its own upwards, bounds included', async (t) => {
  const metrics = new PromMetrics();
  const histogram = metrics.histogram('makas_feature_age_seconds', 'flower');
  for (const value of [0.5, 1, 1.5, 1e9, Number.NaN]) histogram.observe(value);
  const lines = await linesOf(metrics, 'makas_feature_age_seconds');
  const counts = Object.fromEntries(
    lines.map((line) => [/le="([^"]+)"/.exec(line)?.[1] ?? line.split('{')[0], Number(line.split(' ')[1])]),
  );
  t.match(counts, {
    1: 2,
    10: 3,
    604800: 3,
    '+Inf': 4,
    makas_feature_age_seconds_sum: 1e9 + 3,
    makas_feature_age_seconds_count: 4,
  });
});

test('label values are escaped', async (t) => {
  const metrics = new PromMetrics();
  metrics.counter('makas_errors_total', 'a"b\\c\nd').inc();
  t.same(await linesOf(metrics, 'makas_errors_total'), [String.raw`makas_errors_total{code="a\"b\\c\nd"} 1`]);
});

test('beyond the limit of series, new label sets are counted together as other, told once, and counted', async (t) => {
  const told: string[] = [];
  const metrics = new PromMetrics({ maxSeries: 40, onOverflow: (name) => told.push(name) });
  for (let i = 0; i < 100; i++) metrics.counter('makas_errors_total', `code-${i}`).inc();
  metrics.counter('makas_errors_total', 'code-0').inc();
  metrics.gauge('makas_bandit_share', 'b', 'arm').set(1);
  const lines = await linesOf(metrics, 'makas_errors_total');
  const other = Number(lines.find((line) => line.includes('"other"'))?.split(' ')[1]);
  t.equal(
    lines.reduce((sum, line) => sum + Number(line.split(' ')[1]), 0),
    101,
    'nothing is lost',
  );
  t.equal(lines.length, 100 - other + 1);
  t.ok(other >= 60);
  t.ok(lines.includes('makas_errors_total{code="code-0"} 2'));
  t.same(await linesOf(metrics, 'makas_bandit_share'), [], 'a gauge of unlike things is not shown');
  t.same(told, ['makas_errors_total', 'makas_bandit_share']);
  t.same(await linesOf(metrics, 'makas_metrics_overflow_total'), [`makas_metrics_overflow_total ${other + 1}`]);
});

test('a gauge that is set at scrape shows only what the hooks of this scrape set', async (t) => {
  const metrics = new PromMetrics();
  let hash = 'old';
  metrics.onScrape(() => metrics.gauge('makas_config_info', hash).set(1));
  t.same(await linesOf(metrics, 'makas_config_info'), ['makas_config_info{hash="old"} 1']);
  hash = 'new';
  t.same(await linesOf(metrics, 'makas_config_info'), ['makas_config_info{hash="new"} 1']);
  t.equal((await metrics.registry().getSingleMetricAsString('makas_config_info')).split('\n').length, 3);
});

test('the whole exposition has each family once, and a family of many series whole', async (t) => {
  const metrics = new PromMetrics();
  for (let i = 0; i < 1000; i++) metrics.counter('makas_errors_total', `code-${i}`).inc(i);
  for (let i = 0; i < 200; i++) metrics.gauge('makas_config_info', `hash-${i}`);
  const { body, contentType } = await metrics.render();
  t.equal(contentType, 'text/plain; version=0.0.4; charset=utf-8');
  const heads = body
    .split('\n')
    .filter((line) => line.startsWith('# TYPE'))
    .map((line) => line.split(' ')[2]);
  t.same(heads, Object.keys(table));
  const series = body.split('\n').filter((line) => line.startsWith('makas_errors_total{'));
  t.equal(new Set(series).size, 1000);
  t.equal(body.includes('\n\n'), false);
  const viaRegistry = (await metrics.registry().metrics()).split('\n').filter((line) => line !== '');
  t.same(
    viaRegistry,
    body.split('\n').filter((line) => line !== ''),
    'the registry alone writes the same',
  );
});

test('scrapes at the same time share one rendering, and the next one is new', async (t) => {
  const metrics = new PromMetrics();
  let scrapes = 0;
  metrics.onScrape(() => scrapes++);
  const bodies = await Promise.all([metrics.render(), metrics.render(), metrics.render()]);
  t.equal(scrapes, 1);
  t.equal(bodies[0]?.body, bodies[2]?.body);
  await metrics.render();
  t.equal(scrapes, 2);
});

test('OpenMetrics goes to those who prefer it, with its own naming of counters and its end mark', async (t) => {
  const prometheus = 'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1';
  const metrics = new PromMetrics();
  metrics.counter('makas_errors_total', 'INTERNAL').inc();
  metrics.histogram('makas_shadow_latency_difference_seconds', 'r', 'b').observe(-0.2);
  const { body, contentType } = await metrics.render(prometheus);
  t.equal(contentType, 'application/openmetrics-text; version=1.0.0; charset=utf-8');
  t.match(body, /# TYPE makas_errors counter\nmakas_errors_total\{code="INTERNAL"\} 1\n/);
  t.notMatch(body, /makas_shadow_latency_difference_seconds_(sum|count)/);
  t.match(body, /makas_shadow_latency_difference_seconds_bucket\{le="-0.1",route="r",backend="b"\} 1\n/);
  t.ok(body.endsWith('\n# EOF\n'));
  t.match((await metrics.render()).body, /makas_shadow_latency_difference_seconds_sum\{route="r",backend="b"\} -0.2\n/);
  t.match((await metrics.render()).body, /# TYPE makas_errors_total counter\n/);
});

test('without a preference the plain text format is chosen', (t) => {
  for (const accept of [
    undefined,
    '',
    '*/*',
    'text/html',
    'text/plain',
    'text/plain,application/openmetrics-text',
    'text/plain,application/openmetrics-text;q=0.9',
    'application/openmetrics-text;q=x',
  ]) {
    t.equal(negotiate(accept), 'text', String(accept));
  }
  t.equal(negotiate('application/openmetrics-text'), 'openmetrics');
  t.equal(negotiate('text/plain;q=0.1, Application/OpenMetrics-Text; version=1.0.0'), 'openmetrics');
  t.end();
});
