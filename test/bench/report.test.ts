import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { atMost, judgeBar } from '../../bench/bars.ts';
import type { Figures } from '../../bench/figures.ts';
import type { Report } from '../../bench/report-data.ts';
import { writeOverview, writeReport } from '../../bench/report-files.ts';
import { renderCaseRatios, renderFigures, renderPeerRatios, renderReport } from '../../bench/report.ts';
import { describeConfig, makeEntry, type Entry, type StartedEntry } from '../../bench/entry.ts';
import { bare } from '../../bench/peers/bare.ts';
import { abridge, collectConfigs } from '../../bench/run-scenario.ts';
import { firstCase } from '../../bench/scenario.ts';
import { pass } from '../../bench/scenarios/pass.ts';
import type { Sample } from '../../bench/sample.ts';
import { summarize } from '../../bench/summary.ts';
import { renderTable } from '../../bench/table.ts';
import { findWarnings, type RunFacts } from '../../bench/warnings.ts';

const quiet: Figures = { rps: 20_000, cpuUsPerRequest: 50, coreShare: 0.98, loadShare: 0.5, foreignShare: 0 };

function sample(peer: string, figures: Figures, name = ''): Sample {
  return { peer, case: name, round: 1, loadAverage: 0.5, figures };
}

function report(samples: readonly Sample[]): Report {
  return {
    scenario: 'pass',
    about: 'A request.',
    command: 'npm run bench',
    rounds: 7,
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
    peers: [{ name: 'nginx', version: '1.22.1' }],
    configs: [{ title: 'nginx', text: 'daemon off;' }],
    warnings: ['something is off'],
    bars: [judgeBar(atMost(1.35, 'makas', 'nginx', 'cpuUsPerRequest'), samples)],
    chart: 'cpuUsPerRequest',
    summaries: summarize(samples, samples),
    samples,
  };
}

const two = [sample('nginx', { ...quiet, cpuUsPerRequest: 20 }), sample('makas', { ...quiet, cpuUsPerRequest: 25 })];

test('tables are padded, show median and quartiles, and leave out columns that nobody fills', (t) => {
  t.equal(
    renderTable([
      ['peer', 'rps'],
      ['bare', '1000'],
    ]),
    '| peer |  rps |\n| ---- | ---: |\n| bare | 1000 |',
  );
  const table = renderFigures(report(two).summaries);
  t.match(table, /\| makas +\| +20000 \(20000–20000\) \| +25\.0 \(25\.0–25\.0\) \|/);
  t.notMatch(table, /c=1/);
  t.notMatch(table, /foreign/);
  t.end();
});

test('peers are compared within their case, and cases with the first of the same peer', (t) => {
  const cases = report([
    sample('nginx', { cpuUsPerRequest: 10 }, 'one'),
    sample('makas', { cpuUsPerRequest: 20 }, 'one'),
    sample('nginx', { cpuUsPerRequest: 20 }, 'two'),
    sample('makas', { cpuUsPerRequest: 60 }, 'two'),
  ]);
  t.match(renderPeerRatios(cases, 'nginx'), /\| makas, two \| +3\.00/);
  t.match(renderCaseRatios(cases), /\| to one +\|[\s\S]*\| makas, two \| +3\.00/);
  t.match(renderCaseRatios(cases), /\| nginx, two \| +2\.00/);
  t.equal(renderPeerRatios(cases, 'direct'), null);
  t.equal(renderCaseRatios(report(two)), null);
  t.end();
});

test('the page holds chart, bars, tables, warnings, machine and every configuration', (t) => {
  const page = renderReport(report(two), 'pass.svg');
  for (const part of ['# Benchmark: pass', '(pass.svg)', '| to nginx', '**something is off**', 'abc1234', 'A CPU']) {
    t.ok(page.includes(part), `holds ${part}`);
  }
  t.match(page, /CPU µs\/request: makas to nginx \| +1\.35 \| +\| 1\.25 \(1\.25–1\.25\) \| yes/);
  t.match(page, /### nginx\n\n```\ndaemon off;\n```/);
  t.end();
});

test('a full run writes page, data and chart and is in the overview; a short one lies beside it', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'makas-bench-test-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  writeReport(dir, report(two), true);
  writeReport(dir, { ...report(two), scenario: 'full' }, false);
  writeOverview(dir, ['pass', 'full']);
  t.same(readdirSync(dir).toSorted(), [
    'README.md',
    'full.quick.json',
    'full.quick.md',
    'full.quick.svg',
    'pass.json',
    'pass.md',
    'pass.svg',
  ]);
  const overview = readFileSync(join(dir, 'README.md'), 'utf8');
  t.match(overview, /\| \[pass\]\(pass\.md\) \| +CPU µs\/request: makas to nginx/);
  t.match(overview, /!\[pass\]\(pass\.svg\)/);
  t.notMatch(overview, /full/);
  t.end();
});

test('a long configuration loses its middle', (t) => {
  const lines = Array.from({ length: 200 }, (_, n) => `line ${n}`);
  const short = abridge(lines.join('\n'));
  t.match(short, /line 29\n\.\.\. 140 lines more \.\.\.\nline 170/);
  t.equal(abridge('a\nb\n'), 'a\nb');
  t.end();
});

function startedEntry(name: string, port: number): [Entry, StartedEntry] {
  const upstream = { port: 7_001, software: 'nginx 1.22.1', config: '', calls: async () => 0, stop: async () => {} };
  const dir = `/tmp/${name}`;
  const entry = makeEntry({ peer: bare, case: { ...firstCase(pass), name }, upstream, redisPort: 0, dir });
  const config = `listen ${port}; pass 127.0.0.1:7001; state ${dir}/run`;
  const place = { port, adminPort: 9_009, upstreamPort: 7_001, redisPort: 0, dir: `${dir}/run` };
  return [entry, { place, running: { pids: [], port, config, stop: async () => {} } }];
}

test('configurations stand without ports and folders, and once when cases share them', (t) => {
  const [one, two] = [startedEntry('one', 8_001), startedEntry('two', 8_002)];
  const text = 'listen <port>; pass 127.0.0.1:<upstream port>; state <dir>';
  t.equal(describeConfig(one[1]), text);
  t.same(collectConfigs([one, two]), [{ title: 'bare, one; bare, two', text }]);
  t.end();
});

const facts: RunFacts = { rounds: 7, generator: 'wrk', skipped: [], entries: [] };

function warningsOf(samples: readonly Sample[], own: RunFacts = facts): string {
  return findWarnings(own, summarize(samples, samples), samples).join('\n');
}

test('a quiet full run against a fast upstream has no warnings', (t) => {
  t.equal(warningsOf([sample('direct', { rps: 60_000 }), sample('bare', quiet)]), '');
  t.equal(warningsOf([sample('makas', { halfP99Us: 900, halfLagP99Us: 50 })]), '', 'no load, no ceiling');
  t.end();
});

test('a peer near the ceiling is called mock-bound, one below a third of it is not', (t) => {
  const near = (rps: number): string =>
    warningsOf([sample('direct', { rps: 60_000 }), sample('bare', { ...quiet, rps })]);
  t.match(near(55_000), /bare is mock-bound/);
  t.match(near(30_000), /direct is only 2\.0 times as fast/);
  t.equal(near(20_000), '');
  t.end();
});

test('the ceiling is that of the same case', (t) => {
  const samples = [
    sample('direct', { rps: 60_000 }, 'small'),
    sample('bare', quiet, 'small'),
    sample('direct', { rps: 21_000 }, 'large'),
    sample('bare', quiet, 'large'),
  ];
  t.equal(
    warningsOf(samples),
    'bare, large is mock-bound: its rps is within 10 % of direct, judge it by CPU per request',
  );
  t.end();
});

test('every reason to doubt a run is told', (t) => {
  const samples = [sample('bare', { ...quiet, coreShare: 0.7, loadShare: 1, foreignShare: 0.3, halfLagP99Us: 800 })];
  const text = warningsOf(samples, {
    rounds: 3,

    generator: 'autocannon',
    skipped: [{ name: 'caddy', reason: 'caddy is not installed' }],
    entries: [{ label: 'makas, 2 workers', cores: [0, 1] }],
  });
  t.match(text, /caddy was SKIPPED: caddy is not installed/);
  t.match(text, /the load came from autocannon, .*compare no rps/);
  t.match(text, /3 rounds are fewer than 7/);
  t.match(text, /direct did not run/);
  t.match(text, /used 70 % of its core at saturation.*the load core was full/);
  t.match(text, /the generator was up to 800 µs late/);
  t.match(text, /makas, 2 workers shared a core/);
  t.match(text, /1 of 1 timings shared their cores/);
  t.end();
});
