import { test } from 'tap';

import { Exposition, LINES_PER_TURN } from '../../../src/edges/telemetry/exposition.ts';
import { Family } from '../../../src/edges/telemetry/family.ts';
import { PromMetrics } from '../../../src/edges/telemetry/metrics.ts';
import { GrowingStore } from '../../../src/edges/telemetry/series.ts';
import { metrics as table, type MetricEntry } from '../../../src/gateway/metric-names.ts';

const linesOf = (part: Buffer): number => part.toString().split('\n').length - 1;

/** An exposition of every metric, some of them with many series: over 5,000 lines of counters, as many of histograms. */
function largeExposition(): { exposition: Exposition; lines: number } {
  const store = new GrowingStore();
  const families = Object.entries<MetricEntry>(table).map(([name, entry]) => new Family(name, entry, store));
  let lines = 2 * families.length;
  for (const family of families) {
    const count = { makas_errors_total: 5000, makas_request_duration_seconds: 300, makas_shadow_queue: 63 }[
      family.name
    ];
    for (let i = 0; i < (count ?? 0); i++) family.add(family.entry.labels.map((label) => `${label}-${i}`));
    lines += (count ?? 0) * (family.entry.kind === 'histogram' ? family.bounds.length + 3 : 1);
  }
  return { exposition: new Exposition('text', families), lines };
}

test('between two turns of the event loop no more than a bounded number of lines is written', async (t) => {
  const { exposition, lines } = largeExposition();
  const parts: Buffer[] = [];
  for await (const part of exposition.parts()) parts.push(part);
  t.equal(
    parts.reduce((sum, part) => sum + linesOf(part), 0),
    lines,
    'every line is there once',
  );
  const most = Math.max(...parts.map(linesOf));
  t.ok(most <= LINES_PER_TURN, `${most} lines at most`);
  t.ok(parts.length < (2 * lines) / LINES_PER_TURN, `${parts.length} parts: the pauses are not more than needed`);
});

test('other work gets its turn between any two parts of a scrape', async (t) => {
  const { exposition, lines } = largeExposition();
  let turns = 0;
  let isOver = false;
  const turn = (): void => {
    turns++;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  const body = await exposition.render();
  isOver = true;
  t.equal(linesOf(body), lines);
  t.ok(turns >= lines / LINES_PER_TURN, `${turns} turns for ${lines} lines`);
});

test('a scrape of 5,000 series gives other work its turn as well while it takes in what workers made', async (t) => {
  const { createSeriesMemory } = await import('../../../src/edges/telemetry/series-memory.ts');
  const memory = createSeriesMemory(6000);
  const worker = new PromMetrics({ memory });
  for (let i = 0; i < 5000; i++) worker.counter('makas_errors_total', `code-${i}`).inc();
  const metrics = new PromMetrics();
  metrics.attach(memory);
  let turns = 0;
  let isCollected = false;
  const turn = (): void => {
    turns++;
    if (!isCollected) setImmediate(turn);
  };
  setImmediate(turn);
  metrics.onScrape(() => (isCollected = true));
  await metrics.render();
  t.ok(turns >= 5000 / 64, `${turns} turns before the first line`);
});
