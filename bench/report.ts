import { BAR_HEAD, barCells } from './bars.ts';
import { figureNames, styleOf, type FigureName } from './figures.ts';
import type { Report } from './report-data.ts';
import { entryLabel, type EntryName } from './sample.ts';
import type { Spread } from './statistics.ts';
import { ratiosOf, type Spreads, type Summary } from './summary.ts';
import { renderTable } from './table.ts';

/** Peers that the others are set in relation to, where they took part. */
const BASES = ['direct', 'nginx', 'nginx+lua+redis', 'bare'];
const SHOWN = figureNames.filter((name) => styleOf(name).column);
const COMPARED = figureNames.filter((name) => styleOf(name).compared);

interface Cell {
  readonly digits: number;
  readonly scale: number;
}

function cell(spread: Spread | undefined, { digits, scale }: Cell): string {
  if (spread === undefined) return '–';
  const [median, q1, q3] = [spread.median, spread.q1, spread.q3].map((each) => (each * scale).toFixed(digits));
  return `${median} (${q1}–${q3})`;
}

/** A table of spreads by row; columns that nobody fills are left out. Null when nothing is left. */
function renderSpreads(
  title: string,
  names: readonly FigureName[],
  rows: readonly (readonly [string, Spreads])[],
  style: (name: FigureName) => Cell,
): string | null {
  const filled = names.filter((name) => rows.some(([, spreads]) => spreads[name] !== undefined));
  if (filled.length === 0) return null;
  const cells = rows.map(([label, spreads]) => [label, ...filled.map((name) => cell(spreads[name], style(name)))]);
  return renderTable([[title, ...filled.map((name) => styleOf(name).title)], ...cells]);
}

/** Median and quartiles of every figure, one row per entry. */
export function renderFigures(summaries: readonly Summary[]): string {
  const rows = summaries.map((each) => [entryLabel(each), each.figures] as const);
  return renderSpreads('peer', SHOWN, rows, styleOf) ?? '';
}

type Rows = readonly (readonly [EntryName, EntryName])[];

function renderRatios(report: Report, title: string, rows: Rows): string | null {
  const spreads = rows.map(([entry, base]) => [entryLabel(entry), ratiosOf(report.samples, entry, base)] as const);
  return renderSpreads(title, COMPARED, spreads, () => ({ digits: 2, scale: 1 }));
}

/** Ratios to a base peer in the same case; null when it took no part or nobody else did. */
export function renderPeerRatios(report: Report, base: string): string | null {
  const has = report.summaries.some((each) => each.peer === base);
  const others = has ? report.summaries.filter((each) => each.peer !== base) : [];
  const rows = others.map((each) => [each, { peer: base, case: each.case }] as const);
  return renderRatios(report, `to ${base}`, rows);
}

/** Ratios to the same peer in the first case; null when there is only one. */
export function renderCaseRatios(report: Report): string | null {
  const first = report.summaries[0]?.case ?? '';
  const others = report.summaries.filter((each) => each.case !== first);
  const rows = others.map((each) => [each, { peer: each.peer, case: first }] as const);
  return renderRatios(report, `to ${first}`, rows);
}

export function renderBars(report: Report): string {
  return report.bars.length === 0 ? '' : renderTable([BAR_HEAD, ...report.bars.map(barCells)]);
}

/** The tables and warnings: what the terminal shows. */
export function renderResult(report: Report): string {
  const bases = BASES.map((base) => renderPeerRatios(report, base));
  const warnings = report.warnings.map((each) => `- **${each}**`).join('\n');
  const parts = [renderBars(report), renderFigures(report.summaries), ...bases, renderCaseRatios(report), warnings];
  return parts.filter((each) => each !== null && each !== '').join('\n\n');
}

function fence(title: string, text: string): string {
  return `### ${title}\n\n\`\`\`\n${text.trim()}\n\`\`\``;
}

function renderMethod(report: Report): string {
  return (
    `Median over ${report.rounds - 1} rounds (first quartile–third quartile). Peers took turns within each round, from a ` +
    `random start; a further first round was dropped. Each peer has a core of its own, the same for all; upstream, load ` +
    `and Redis share another. rps, p50, p99, CPU and memory: ${report.seconds} s with ${report.connections} connections, ` +
    `closed loop; c=1: one connection, closed loop; added: above direct in the same round. CPU: user and system time of ` +
    `all processes of the peer. Ratios are taken within a round. Before anything was timed, what each peer sends to the ` +
    `upstream was compared with what it should send, and in a time of full load every answer was compared byte for byte.`
  );
}

/** The whole page of one scenario; the chart lies beside it. */
export function renderReport(report: Report, chartFile: string): string {
  const { machine } = report;
  const parts = [
    `# Benchmark: ${report.scenario}`,
    report.about,
    `![${styleOf(report.chart).title}](${chartFile})`,
    `Written by \`${report.command}\`.`,
    renderResult(report),
    renderMethod(report),
    '## Where',
    [
      `- ${machine.date}, commit ${machine.commit}`,
      `- ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Linux ${machine.kernel}`,
      `- load average at the start: ${machine.loadAverage.join(', ')}`,
      `- node ${machine.node}; load: ${report.load}; upstream: ${report.upstream}`,
      ...report.peers.filter((each) => each.version !== '').map((each) => `- ${each.name}: ${each.version}`),
    ].join('\n'),
    '## Configurations',
    ...report.configs.map(({ title, text }) => fence(title, text)),
  ];
  return `${parts.join('\n\n')}\n`;
}
