import { test } from 'tap';
import { chartRows, renderChart } from '../../bench/chart.ts';
import type { Summary } from '../../bench/summary.ts';

function summary(peer: string, name: string, median: number | null): Summary {
  const figures = median === null ? {} : { cpuUsPerRequest: { median, q1: median - 1, q3: median + 1 } };
  return { peer, case: name, figures };
}

const widths = (svg: string): number[] =>
  [...svg.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map(([, each]) => Number(each));

test('a chart has one bar for each peer that has the figure, as long as its median', (t) => {
  const summaries = [summary('direct', '', null), summary('nginx', '', 19), summary('makas', '', 38)];
  const svg = renderChart({ scenario: 'pass', chart: 'cpuUsPerRequest', summaries });
  const [nginx = 0, makas = 0] = widths(svg);
  t.equal(widths(svg).length, 2);
  t.ok(Math.abs(makas / nginx - 2) < 0.01);
  t.match(svg, />38\.0</);
  t.match(svg, /class="own"/);
  t.match(svg, /prefers-color-scheme: dark/);
  t.end();
});

test('each case stands above its bars, once', (t) => {
  const summaries = [summary('nginx', 'a', 2), summary('makas', 'a', 3), summary('makas', 'b', 3)];
  t.same(
    chartRows({ summaries, chart: 'cpuUsPerRequest' }).map(({ label }) => label),
    ['a', 'nginx', 'makas', 'b', 'makas'],
  );
  t.end();
});

test('text cannot break out of the chart, and a chart of nothing is still one', (t) => {
  const svg = renderChart({ scenario: 'a<b', chart: 'cpuUsPerRequest', summaries: [summary('x&y', '', 2)] });
  t.match(svg, /a&lt;b/);
  t.match(svg, /x&amp;y/);
  t.match(renderChart({ scenario: 'none', chart: 'rps', summaries: [] }), /<svg /);
  t.end();
});
