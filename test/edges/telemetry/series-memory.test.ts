import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

import { test } from 'tap';

import { PromMetrics } from '../../../src/edges/telemetry/metrics.ts';
import { createSeriesMemory, SharedSeries, SharedStore } from '../../../src/edges/telemetry/series-memory.ts';

interface Workers {
  readonly main: PromMetrics;
  readonly workers: readonly PromMetrics[];
  readonly attached: ReadonlyArray<ReturnType<PromMetrics['attach']>>;
  readonly lines: (part: string) => Promise<string[]>;
}

function setUp(count: number, options: ConstructorParameters<typeof PromMetrics>[0] = {}): Workers {
  const main = new PromMetrics(options);
  const memories = Array.from({ length: count }, () => createSeriesMemory(1000));
  const workers = memories.map((memory) => new PromMetrics({ memory }));
  main.beforeScrape(async () => {
    for (const worker of workers) worker.collect();
  });
  return {
    main,
    workers,
    attached: memories.map((memory) => main.attach(memory)),
    async lines(part) {
      const { body } = await main.render();
      return body.split('\n').filter((line) => line.includes(part) && !line.startsWith('#'));
    },
  };
}

test('a counter shows the sum of all threads, series that were made after the last scrape too', async (t) => {
  const { main, workers, lines } = setUp(2);
  main.counter('makas_errors_total', 'INTERNAL').inc(1);
  workers[0]!.counter('makas_errors_total', 'INTERNAL').inc(10);
  workers[1]!.counter('makas_errors_total', 'INTERNAL').inc(100);
  t.same(await lines('makas_errors_total'), ['makas_errors_total{code="INTERNAL"} 111']);
  workers[1]!.counter('makas_errors_total', 'DRAINING').inc(5);
  workers[0]!.counter('makas_errors_total', 'INTERNAL').inc(1000);
  t.same(await lines('makas_errors_total'), [
    'makas_errors_total{code="INTERNAL"} 1111',
    'makas_errors_total{code="DRAINING"} 5',
  ]);
});

test('a histogram shows the sum of all threads in every bucket', async (t) => {
  const { workers, lines } = setUp(2);
  for (const value of [0.5, 5]) workers[0]!.histogram('makas_feature_age_seconds', 'v').observe(value);
  for (const value of [0.5, 1e9]) workers[1]!.histogram('makas_feature_age_seconds', 'v').observe(value);
  const all = await lines('makas_feature_age_seconds');
  t.ok(all.includes('makas_feature_age_seconds_bucket{le="1",view="v"} 2'));
  t.ok(all.includes('makas_feature_age_seconds_bucket{le="10",view="v"} 3'));
  t.ok(all.includes('makas_feature_age_seconds_bucket{le="+Inf",view="v"} 4'));
  t.ok(all.includes('makas_feature_age_seconds_sum{view="v"} 1000000006'));
});

test('gauges are added, or the largest, the smallest or the main thread’s value is shown, as the table says', async (t) => {
  const { main, workers, lines } = setUp(2);
  workers.forEach((worker, i) => {
    worker.gauge('makas_requests_inflight').set(i + 1);
    worker.gauge('makas_degraded', 'state').set(i);
    worker.onScrape(() => worker.gauge('makas_endpoint_up', 'b', 'e').set(i));
    worker.gauge('makas_bandit_share', 'rank', 'a').set(0.3);
    worker.gauge('makas_bandit_share', 'rank', 'only in workers').set(0.3);
  });
  main.gauge('makas_degraded', 'state').set(0);
  main.gauge('makas_bandit_share', 'rank', 'a').set(0.7);
  t.same(await lines('makas_requests_inflight'), ['makas_requests_inflight 3']);
  t.same(await lines('makas_degraded'), ['makas_degraded{reason="state"} 1']);
  t.same(await lines('makas_endpoint_up'), ['makas_endpoint_up{backend="b",endpoint="e"} 0']);
  t.same(await lines('makas_bandit_share'), ['makas_bandit_share{bandit="rank",arm="a"} 0.7']);
  t.equal(main.gaugeNow('makas_degraded', 'state'), 1);
  workers[1]!.gauge('makas_degraded', 'state').set(0);
  t.equal(main.gaugeNow('makas_degraded', 'state'), 0);
  t.ok(Number.isNaN(main.gaugeNow('makas_degraded', 'nothing')));
});

test('a gauge of the scrape that one thread did not set shows what the others set', async (t) => {
  const { workers, lines } = setUp(2);
  const setting = new Set(workers);
  for (const worker of workers) {
    worker.onScrape(() => {
      if (setting.has(worker)) worker.gauge('makas_endpoint_inflight', 'b', 'e').set(2);
    });
  }
  t.same(await lines('makas_endpoint_inflight'), ['makas_endpoint_inflight{backend="b",endpoint="e"} 4']);
  setting.delete(workers[0]!);
  t.same(await lines('makas_endpoint_inflight'), ['makas_endpoint_inflight{backend="b",endpoint="e"} 2']);
  setting.clear();
  t.same(await lines('makas_endpoint_inflight'), []);
});

test('all numbers of a scrape are of one moment for each thread, whatever happens while it is written', async (t) => {
  const { main, workers, attached } = setUp(2);
  for (let i = 0; i < 2000; i++) main.counter('makas_errors_total', `code-${i}`);
  const count = (metrics: PromMetrics): void => {
    metrics.counter('makas_requests_started_total').inc();
    metrics.counter('makas_requests_total', 'r', 'b', '200').inc();
    metrics.histogram('makas_overhead_seconds', 'r').observe(0.001);
    metrics.counter('makas_shadow_mismatch_total', 'r', 'b').inc();
  };
  for (const metrics of [main, ...workers]) count(metrics);
  let isOver = false;
  let turns = 0;
  const turn = (): void => {
    turns++;
    for (const metrics of [main, ...workers]) count(metrics);
    // The thread of the second one ends in the middle; what it left undone is made good with its end.
    if (turns === 10) main.fold(attached[1]!, () => main.counter('makas_requests_started_total').inc(1e6));
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  for (const round of [0, 1, 2]) {
    const { body } = await main.render(round === 1 ? 'application/openmetrics-text' : undefined);
    const counts = ['requests_started_total', 'requests_total', 'overhead_seconds_count', 'shadow_mismatch_total'].map(
      (name) => Number(new RegExp(`^makas_${name}(?:\\{.*\\})? (\\d+)$`, 'm').exec(body)?.[1]),
    );
    if (round > 0) counts[0]! -= 1e6;
    t.same(new Set(counts), new Set([counts[0]]), `${counts.join(', ')} after ${turns} turns`);
  }
  isOver = true;
});

test('what an ended thread counted stays, its gauges go, and its next one counts on', async (t) => {
  const { main, workers, attached, lines } = setUp(2);
  const before = workers[0]!;
  before.counter('makas_errors_total', 'INTERNAL').inc(10);
  before.histogram('makas_overhead_seconds', 'r').observe(0.5);
  before.gauge('makas_requests_inflight').set(7);
  workers[1]!.gauge('makas_requests_inflight').set(1);
  // Made after the last look, and never shown before the end.
  before.counter('makas_errors_total', 'DRAINING').inc(3);
  main.fold(attached[0]!);
  main.fold(attached[0]!);
  t.equal(attached[0]!.sumOf('makas_errors_total'), 13);
  before.counter('makas_errors_total', 'INTERNAL').inc(1000);
  const memory = createSeriesMemory(1000);
  main.attach(memory);
  const next = new PromMetrics({ memory });
  next.counter('makas_errors_total', 'INTERNAL').inc(1);
  next.collect();
  t.same(await lines('makas_errors_total'), [
    'makas_errors_total{code="INTERNAL"} 11',
    'makas_errors_total{code="DRAINING"} 3',
  ]);
  t.same(await lines('makas_requests_inflight'), ['makas_requests_inflight 1']);
  t.ok((await lines('makas_overhead_seconds_count')).includes('makas_overhead_seconds_count{route="r"} 1'));
});

test('the limit of series holds for the label sets of all threads together, and nothing is lost', async (t) => {
  const told: string[] = [];
  const { workers, attached, main, lines } = setUp(3, { maxSeries: 100, onOverflow: (name) => told.push(name) });
  workers.forEach((worker, w) => {
    for (let i = 0; i < 60; i++) worker.counter('makas_errors_total', `code-${w}-${i}`).inc();
    worker.gauge('makas_degraded', `reason-${w}`).set(1);
  });
  const all = await lines('makas_errors_total');
  const sum = (texts: readonly string[]): number =>
    texts.reduce((total, line) => total + Number(line.split(' ')[1]), 0);
  t.ok(all.length <= 101, `${all.length} label sets`);
  t.ok(all.some((line) => line.includes('"other"')));
  t.equal(sum(all), 180);
  t.ok(told.includes('makas_errors_total'));
  for (const each of attached) main.fold(each);
  t.equal(sum(await lines('makas_errors_total')), 180, 'also when the threads have ended');
});

test('a directory that is full leads to other, and counting goes on', async (t) => {
  const memory = createSeriesMemory(1000, 2000);
  const worker = new PromMetrics({ memory });
  const main = new PromMetrics();
  main.attach(memory);
  for (let i = 0; i < 200; i++) worker.counter('makas_errors_total', `code-${i}`).inc();
  worker.collect();
  const { body } = await main.render();
  const lines = body.split('\n').filter((line) => line.startsWith('makas_errors_total{'));
  t.ok(lines.length < 60, `${lines.length} label sets`);
  t.equal(
    lines.reduce((sum, line) => sum + Number(line.split(' ')[1]), 0),
    200,
  );
});

test('the reader finds every series with its labels and slot, in steps', (t) => {
  const memory = createSeriesMemory(100);
  const store = new SharedStore(memory);
  const reader = new SharedSeries(memory);
  t.same(reader.next(10), []);
  const labels = ['ünï', 'a"b\n', ''];
  const first = store.allocate(3, 0, 'x', labels);
  const second = store.allocate(1, 5, 'y', []);
  t.same(reader.next(1), [{ name: 'x', labels, slot: first }]);
  t.same(reader.next(10), [{ name: 'y', labels: [], slot: second }]);
  t.equal(reader.values[second!], 5);
  t.same(reader.next(10), []);
  t.end();
});

test('a thread that is killed while it counts leaves its last count behind, and counts never go down', async (t) => {
  const memory = createSeriesMemory(1000);
  const main = new PromMetrics();
  const attached = main.attach(memory);
  const source = new URL('../../../src/edges/telemetry/metrics.ts', import.meta.url);
  const worker = new Worker(
    `const { workerData } = require('node:worker_threads');
     import(workerData.source).then(({ PromMetrics }) => {
       const metrics = new PromMetrics({ memory: workerData.memory });
       for (let i = 0; ; i++) {
         metrics.counter('makas_errors_total', 'code-' + (i % 500)).inc();
         if (i % 100 === 0) metrics.collect();
       }
     });`,
    { eval: true, workerData: { memory, source: source.href } },
  );
  const sums: number[] = [];
  const look = async (): Promise<void> => {
    const { body } = await main.render();
    const counts = body.matchAll(/^makas_errors_total\{.*\} (\d+)$/gm);
    sums.push([...counts].reduce((sum, [, count]) => sum + Number(count), 0));
  };
  while ((sums.at(-1) ?? 0) < 10_000) await look();
  for (let i = 0; i < 20; i++) await look();
  const exited = once(worker, 'exit');
  void worker.terminate();
  for (let i = 0; i < 20; i++) await look();
  await exited;
  await look();
  main.fold(attached);
  await look();
  t.same(
    sums,
    sums.toSorted((a, b) => a - b),
  );
  t.equal(sums.at(-1), attached.sumOf('makas_errors_total'));
});
