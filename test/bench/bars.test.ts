import { test } from 'tap';
import { atMost, barCells, judgeBar } from '../../bench/bars.ts';
import type { Figures } from '../../bench/figures.ts';
import { peers } from '../../bench/peers/table.ts';
import type { Sample } from '../../bench/sample.ts';
import { scenarios } from '../../bench/scenarios/table.ts';

function sample(peer: string, round: number, figures: Figures): Sample {
  return { peer, case: '', round, loadAverage: 0, figures };
}

const samples = [
  sample('nginx', 0, { cpuUsPerRequest: 1 }),
  sample('makas', 0, { cpuUsPerRequest: 100 }),
  ...[1, 2, 3].flatMap((round) => [
    sample('nginx', round, { cpuUsPerRequest: 20 }),
    sample('makas', round, { cpuUsPerRequest: 24 + round, rssMB: 99 + round }),
  ]),
];

test('a bar is met when the median of the ratios is not above it, and the dropped round does not count', (t) => {
  const met = judgeBar(atMost(1.3, 'makas', 'nginx', 'cpuUsPerRequest', { aim: 1.2 }), samples);
  t.match(met, { most: 1.3, aim: 1.2, isMet: true });
  t.equal(met.measured?.median, 1.3);
  t.same(barCells(met), ['CPU µs/request: makas to nginx', '1.30', '1.20', '1.30 (1.27–1.33)', 'yes']);
  const missed = judgeBar(atMost(1.29, 'makas', 'nginx', 'cpuUsPerRequest'), samples);
  t.equal(missed.isMet, false);
  t.same(barCells(missed).slice(2), ['', '1.30 (1.27–1.33)', '**no**']);
  t.end();
});

test('a bar without a base holds the figure itself', (t) => {
  const bar = { of: { peer: 'makas', case: '', figure: 'rssMB' }, most: 100 } as const;
  t.match(judgeBar(bar, samples), { text: 'RSS MB: makas', isMet: false, measured: { median: 101 } });
  t.end();
});

test('a bar whose peers did not run is neither met nor missed', (t) => {
  const bar = judgeBar(atMost(1, 'makas', 'caddy', 'cpuUsPerRequest'), samples);
  t.same([bar.measured, bar.isMet], [null, null]);
  t.same(barCells(bar).slice(3), ['–', 'not measured']);
  t.end();
});

test('every bar of every scenario names peers, cases and configurations that there are', (t) => {
  const known = new Set(peers.map(({ name }) => name));
  for (const { name, cases, bars } of scenarios) {
    for (const each of cases) for (const peer of Object.keys(each.configs)) t.ok(known.has(peer), `${name}: ${peer}`);
    for (const { of, to = of } of bars) {
      for (const term of [of, to]) {
        const found = cases.find((each) => each.name === term.case);
        t.ok(found?.configs[term.peer], `${name}: ${term.peer} in case "${term.case}"`);
      }
      t.equal(of.figure, to.figure, name);
    }
  }
  t.end();
});
