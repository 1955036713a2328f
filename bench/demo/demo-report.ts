import { styleText } from 'node:util';
import { quantile } from '../statistics.ts';
import { type Estimate, estimateDifference, estimateShare } from './intervals.ts';
import type { Scrape } from './scrape.ts';
import type { Tally } from './tally.ts';
import { count, layTable, percent, points, sparkline, wrapLine } from './text.ts';
import { type Latencies, routes, type Traffic } from './traffic.ts';

/** Columns that every line of the report fits into. */
const WIDTH = 100;

/** An arm of `/admin/bandits`. */
export interface BanditArm {
  readonly name: string;
  readonly share: number;
  readonly mean: number;
  readonly interval: readonly [low: number, high: number];
}

export interface Findings {
  readonly traffic: Traffic;
  readonly seconds: number;
  readonly metrics: Scrape;
  readonly arms: readonly BanditArm[];
  /** Share that the canary should get, in [0, 1]. */
  readonly canaryShare: number;
  /** What the gateway says about one request. */
  readonly explanation: string;
}

/** The lines of the final report; all numbers come from this run. */
export function renderDemoReport(findings: Findings): string[] {
  return [
    ...section('Routes', routeLines(findings)),
    ...section('Added by the gateway', latencyLines(findings.traffic.latencies)),
    ...section('Bandit', banditLines(findings)),
    ...section('Accuracy', accuracyLines(findings.traffic)),
    ...section('Canary', canaryLines(findings)),
    ...section('Shadow', shadowLines(findings.metrics)),
    ...section('Features', featureLines(findings.metrics)),
    ...section('Why, for one request (POST /admin/explain)', explanationLines(findings.explanation)),
  ];
}

function section(title: string, lines: readonly string[]): string[] {
  return ['', styleText('bold', title), ...lines.map((line) => `  ${line}`)];
}

function routeLines({ traffic, metrics }: Findings): string[] {
  const { tallies, latencies } = traffic;
  const arms = ['weak', 'strong', 'candidate'];
  const names = {
    diagnosis: 'diagnosis: bandit',
    'diagnosis-canary': 'diagnosis-canary: 90/10 by user',
    'diagnosis-even': 'diagnosis-even: 50/50',
    testers: 'diagnosis, rule "testers" by header',
  };
  const rows = Object.entries(names).map(([key, name]) => {
    const tally = tallies[key as keyof typeof names];
    return [name, count(tally.requests), ...arms.map((arm) => percent(tally.shareOf(arm))), percent(tally.accuracy)];
  });
  const all = metrics.sum('makas_requests_total');
  const good = metrics.sum('makas_requests_total', { code: '200' });
  const sent = Object.values(tallies).reduce((sum, tally) => sum + tally.requests, 0);
  const probes = routes.reduce((sum, name) => sum + latencies[name].length, 0);
  return [
    ...layTable([['', 'requests', ...arms, 'right'], ...rows]),
    `${count(sent)} requests and ${count(probes)} for latency; the gateway counted ${count(all)}, with status 200 ${count(good)}`,
  ];
}

function latencyLines(latencies: Latencies): string[] {
  const at = (values: readonly number[], p: number): number => quantile(values, p);
  const direct = { p50: at(latencies.direct, 0.5), p99: at(latencies.direct, 0.99) };
  const ms = (value: number): string => value.toFixed(2);
  const signed = (value: number): string => `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(2)}`;
  const rows = Object.entries(latencies).map(([name, values]) => {
    const [p50, p99] = [at(values, 0.5), at(values, 0.99)];
    const added = name === 'direct' ? ['', ''] : [signed(p50 - direct.p50), signed(p99 - direct.p99)];
    return [name === 'direct' ? 'no gateway' : name, count(values.length), ms(p50), ms(p99), ...added];
  });
  return [
    ...layTable([['ms', 'requests', 'p50', 'p99', 'added p50', 'added p99'], ...rows]),
    'one request at a time, turns drawn by lot; "no gateway": the same values straight to a model',
  ];
}

function banditLines({ traffic, seconds, arms, metrics }: Findings): string[] {
  const bars = traffic.tallies.diagnosis.strongBySlice;
  const counted = metrics.sum('makas_rewards_total', { bandit: 'diagnosis', result: 'counted' });
  const sent = sumOf(traffic.rewards);
  return [
    `strong's share over ${seconds} s  ${sparkline(bars)}  ${percent(bars[0] ?? Number.NaN, 0)} to ${percent(bars.at(-1) ?? Number.NaN, 0)}`,
    ...arms.map(
      ({ name, share, mean, interval: [low, high] }) =>
        `${name.padEnd(6)}  now gets ${percent(share)}; believed right ${percent(mean)} (95 % within ${percent(low)} to ${percent(high)})`,
    ),
    `rewards counted: ${count(counted)} of ${count(sent)} sent`,
  ];
}

function accuracyLines({ tallies, alone }: Traffic): string[] {
  const bandit = tallies.diagnosis;
  const against = (other: Tally): string => interval(estimateDifference(bandit.accuracies, other.accuracies), points);
  const rows: [name: string, tally: Tally][] = [
    ['even split', tallies['diagnosis-even']],
    ['weak alone', alone.weak],
    ['strong alone', alone.strong],
  ];
  return [
    ...layTable([
      ['', 'right', 'bandit against it, in points'],
      ['bandit, all of the run', percent(bandit.accuracy), ''],
      ...rows.map(([name, tally]) => [name, percent(tally.accuracy), against(tally)]),
    ]),
    `95 % intervals; differences are paired by the ${bandit.accuracies.length} held-out samples`,
  ];
}

function canaryLines({ traffic, canaryShare }: Findings): string[] {
  const { all, returned, strong, moved } = traffic.tallies['diagnosis-canary'].units;
  return [
    `${interval(estimateShare(strong, all), percent)} of ${count(all)} users; configured ${percent(canaryShare)}`,
    `${count(returned)} users came more than once; ${count(moved)} of them saw both models`,
  ];
}

function shadowLines(metrics: Scrape): string[] {
  const compared = metrics.by('makas_shadow_compared_total', 'result');
  const results = metrics.by('makas_shadow_total', 'result');
  const agree = compared.get('agree') ?? 0;
  return [
    `candidate agrees on ${percent(agree / sumOf(compared))} of the labels: ${listCounts(compared)}`,
    `copies: ${listCounts(results)}`,
  ];
}

function featureLines(metrics: Scrape): string[] {
  const statuses = metrics.by('makas_features_total', 'status');
  const all = sumOf(statuses);
  const shareOf = (status: string): string => percent((statuses.get(status) ?? 0) / all);
  return [
    `${count(all)} values: ${shareOf('present')} found, ${shareOf('defaulted')} filled with a default`,
    `statuses: ${listCounts(statuses)}`,
  ];
}

function listCounts(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([name, value]) => `${count(value)} ${name}`).join(', ');
}

function sumOf(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, value) => sum + value, 0);
}

function explanationLines(explanation: string): string[] {
  return explanation
    .trimEnd()
    .split('\n')
    .flatMap((line) => wrapLine(line, WIDTH - 2, 10));
}

function interval({ value, low, high }: Estimate, show: (value: number) => string): string {
  return `${show(value)} (${show(low)} to ${show(high)})`;
}
