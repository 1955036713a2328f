import { test } from 'tap';
import type { Figures, Sample } from '../../bench/measure.ts';
import { renderFigures, renderReport, renderRatios, renderTable } from '../../bench/report.ts';
import { addBaseline, summarize } from '../../bench/summary.ts';
import { findWarnings } from '../../bench/warnings.ts';

function sample(peer: string, round: number, figures: Partial<Figures>, noise: Partial<Sample> = {}): Sample {
  const isDirect = peer === 'direct';
  return {
    peer,
    round,
    requests: 1_000,
    foreignShare: 0,
    stealShare: 0,
    loadAverage: 0.5,
    ...noise,
    figures: {
      rps: 1_000,
      p50Us: 500,
      p99Us: 900,
      cpuUsPerRequest: isDirect ? null : 50,
      coreShare: isDirect ? null : 0.98,
      rssMiB: isDirect ? null : 100,
      serialP50Us: 20,
      serialP99Us: 40,
      addedP50Us: null,
      ...figures,
    },
  };
}

const facts = { upstream: 'nginx', load: 'wrk', rounds: 7, seconds: 4, skipped: [] } as const;
const samples = addBaseline([
  sample('direct', 0, { rps: 1 }),
  sample('bare', 0, { rps: 1 }),
  sample('direct', 1, { rps: 60_000, serialP50Us: 20 }),
  sample('bare', 1, { rps: 20_000, serialP50Us: 120 }),
  sample('direct', 2, { rps: 30_000, serialP50Us: 40 }),
  sample('bare', 2, { rps: 15_000, serialP50Us: 160 }),
]);
const summaries = summarize(samples, ['direct', 'bare'], ['direct', 'bare']);

test('the first round is dropped and the rest is summed up by the median', (t) => {
  t.same(summaries[0]?.figures.rps, { median: 45_000, q1: 37_500, q3: 52_500 });
  t.equal(summaries[0]?.figures.cpuUsPerRequest, null);
  t.end();
});

test('ratios are taken within a round, so that drift between rounds cancels', (t) => {
  t.equal(summaries[1]?.ratios['direct']?.rps?.median, (1 / 3 + 1 / 2) / 2);
  t.equal(summaries[1]?.ratios['bare']?.rps?.median, 1);
  t.equal(summaries[1]?.ratios['direct']?.cpuUsPerRequest, null);
  t.end();
});

test('added latency is what a peer takes above direct in the same round', (t) => {
  t.equal(summaries[1]?.figures.addedP50Us?.median, 110);
  t.equal(summaries[0]?.figures.addedP50Us, null);
  const alone = addBaseline([sample('bare', 1, {})]);
  t.equal(alone[0]?.figures.addedP50Us, null);
  t.end();
});

test('a base that did not run gives no ratios', (t) => {
  t.same(Object.keys(summarize(samples, ['bare'], ['direct', 'bare'])[0]?.ratios ?? {}), ['bare']);
  t.equal(renderRatios(summaries, 'nginx'), null);
  t.end();
});

test('tables are padded, show median and quartiles, and leave out columns that nobody fills', (t) => {
  t.equal(
    renderTable([
      ['peer', 'rps'],
      ['bare', '1000'],
    ]),
    '| peer |  rps |\n| ---- | ---: |\n| bare | 1000 |',
  );
  t.match(renderFigures(summaries), /\| bare +\| +17500 \(16250–18750\) \|/);
  t.match(renderRatios(summaries, 'direct'), /^\| to direct \| +rps \|/);
  t.notMatch(renderRatios(summaries, 'direct'), /CPU/);
  t.end();
});

test('a quiet full run against a fast upstream has no warnings', (t) => {
  const quiet = addBaseline([sample('direct', 1, { rps: 60_000 }), sample('bare', 1, { rps: 20_000 })]);
  t.same(findWarnings(facts, summarize(quiet, ['direct', 'bare'], []), quiet), []);
  t.end();
});

test('a peer near the ceiling is called mock-bound, one below a third of it is not', (t) => {
  const near = (rps: number): string => {
    const list = [sample('direct', 1, { rps: 60_000 }), sample('bare', 1, { rps })];
    return findWarnings(facts, summarize(list, ['direct', 'bare'], []), list).join('\n');
  };
  t.match(near(55_000), /bare is mock-bound/);
  t.match(near(30_000), /direct is only 2\.0 times as fast/);
  t.equal(near(20_000), '');
  t.end();
});

test('every reason to doubt a run is told', (t) => {
  const list = [sample('bare', 1, { coreShare: 0.7 }, { foreignShare: 0.3 })];
  const doubtful = {
    upstream: 'node',
    load: 'autocannon',
    rounds: 3,
    seconds: 1,
    skipped: [{ peer: 'makas', reason: 'src/main.ts does not exist' }],
  } as const;
  const text = findWarnings(doubtful, summarize(list, ['bare'], []), list).join('\n');
  t.match(text, /makas was SKIPPED: src\/main\.ts does not exist/);
  t.match(text, /upstream is Node/);
  t.match(text, /autocannon, not wrk/);
  t.match(text, /too short/);
  t.match(text, /3 rounds are fewer than 7/);
  t.match(text, /direct did not run/);
  t.match(text, /1 of 1 timings shared their cores/);
  t.end();
});

test('the page holds the tables, the warnings, the machine and every configuration', (t) => {
  const page = renderReport({
    scenario: 'pass',
    about: 'A request.',
    command: 'npm run bench',
    rounds: 3,
    seconds: 4,
    connections: 64,
    machine: {
      date: '2026-01-02T03:04:05.000Z',
      commit: 'abc1234',
      node: '24.0.0',
      kernel: '6.1 x64',
      cpu: 'A CPU',
      cores: 2,
      memoryGiB: 8,
      loadAverage: [0.5, 0.4, 0.3],
    },
    load: 'wrk 4.1.0',
    upstream: 'nginx 1.22.1',
    upstreamConfig: 'return 200;',
    peers: [
      { name: 'direct', version: '', config: '' },
      { name: 'bare', version: 'node 24', config: 'node bare-server.ts' },
    ],
    warnings: ['something is off'],
    summaries,
    samples,
  });
  for (const part of ['# Benchmark: pass', '| to bare', '**something is off**', 'abc1234', 'A CPU', 'return 200;']) {
    t.ok(page.includes(part), `holds ${part}`);
  }
  t.match(page, /### bare\n\n```\nnode bare-server\.ts\n```/);
  t.notMatch(page, /### direct/);
  t.end();
});
