import type { Machine } from './machine.ts';
import type { Sample } from './measure.ts';
import type { Spread } from './statistics.ts';
import type { FigureName, Spreads, Summary } from './summary.ts';

export interface Report {
  readonly scenario: string;
  readonly about: string;
  readonly command: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
  readonly machine: Machine;
  readonly load: string;
  readonly upstream: string;
  readonly peers: readonly { readonly name: string; readonly version: string; readonly config: string }[];
  readonly upstreamConfig: string;
  readonly warnings: readonly string[];
  readonly summaries: readonly Summary[];
  readonly samples: readonly Sample[];
}

interface Column {
  readonly title: string;
  readonly figure: FigureName;
  readonly scale?: number;
  readonly digits: number;
}

const FIGURES: readonly Column[] = [
  { title: 'rps', figure: 'rps', digits: 0 },
  { title: 'p50 ms', figure: 'p50Us', scale: 1e-3, digits: 2 },
  { title: 'p99 ms', figure: 'p99Us', scale: 1e-3, digits: 2 },
  { title: 'CPU µs/request', figure: 'cpuUsPerRequest', digits: 1 },
  { title: 'core used %', figure: 'coreShare', scale: 100, digits: 0 },
  { title: 'RSS MiB', figure: 'rssMiB', digits: 0 },
  { title: 'c=1 p50 µs', figure: 'serialP50Us', digits: 0 },
  { title: 'c=1 p99 µs', figure: 'serialP99Us', digits: 0 },
  { title: 'c=1 added p50 µs', figure: 'addedP50Us', digits: 0 },
];
const RATIOS: readonly Column[] = [
  { title: 'rps', figure: 'rps', digits: 2 },
  { title: 'p99', figure: 'p99Us', digits: 2 },
  { title: 'CPU/request', figure: 'cpuUsPerRequest', digits: 2 },
  { title: 'c=1 p50', figure: 'serialP50Us', digits: 2 },
  { title: 'c=1 added p50', figure: 'addedP50Us', digits: 2 },
];

function cell(spread: Spread | null, { scale = 1, digits }: Column): string {
  if (spread === null) return '–';
  const [median, q1, q3] = [spread.median, spread.q1, spread.q3].map((each) => (each * scale).toFixed(digits));
  return `${median} (${q1}–${q3})`;
}

/** A Markdown table whose columns are padded, so that it reads well on a terminal too. */
export function renderTable(rows: readonly (readonly string[])[]): string {
  const [head = []] = rows;
  const widths = head.map((_, n) => Math.max(3, ...rows.map((row) => row[n]?.length ?? 0)));
  const pad = (text: string, n: number): string =>
    n === 0 ? text.padEnd(widths[n] ?? 0) : text.padStart(widths[n] ?? 0);
  const line = (row: readonly string[]): string => `| ${row.map(pad).join(' | ')} |`;
  const rule = widths.map((width, n) => (n === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(head), `| ${rule.join(' | ')} |`, ...rows.slice(1).map(line)].join('\n');
}

function renderSpreads(
  title: string,
  columns: readonly Column[],
  rows: readonly (readonly [string, Spreads])[],
): string {
  const filled = columns.filter(({ figure }) => rows.some(([, spreads]) => spreads[figure] !== null));
  const cells = rows.map(([peer, spreads]) => [peer, ...filled.map((each) => cell(spreads[each.figure], each))]);
  return renderTable([[title, ...filled.map((each) => each.title)], ...cells]);
}

/** Median and quartiles of every figure, one row per peer. */
export function renderFigures(summaries: readonly Summary[]): string {
  return renderSpreads(
    'peer',
    FIGURES,
    summaries.map(({ peer, figures }) => [peer, figures]),
  );
}

/** Ratios to one base peer, or null when there is none to compare. */
export function renderRatios(summaries: readonly Summary[], base: string): string | null {
  const rows: [string, Spreads][] = [];
  for (const { peer, ratios } of summaries) {
    const spreads = ratios[base];
    if (peer !== base && spreads !== undefined) rows.push([peer, spreads]);
  }
  return rows.length === 0 ? null : renderSpreads(`to ${base}`, RATIOS, rows);
}

/** The tables and warnings: what the terminal shows. */
export function renderResult(report: Report): string {
  const bases = Object.keys(report.summaries[0]?.ratios ?? {});
  const ratios = bases.map((base) => renderRatios(report.summaries, base)).filter((each) => each !== null);
  const warnings = report.warnings.map((each) => `- **${each}**`).join('\n');
  return [renderFigures(report.summaries), ...ratios, warnings].filter((each) => each !== '').join('\n\n');
}

function fence(title: string, text: string): string {
  return `### ${title}\n\n\`\`\`\n${text.trim()}\n\`\`\``;
}

/** The whole page of one scenario. */
export function renderReport(report: Report): string {
  const { machine } = report;
  const parts = [
    `# Benchmark: ${report.scenario}`,
    report.about,
    `Written by \`${report.command}\`.`,
    renderResult(report),
    `Median over ${report.rounds - 1} rounds (first quartile–third quartile). Peers took turns within each round, from a random ` +
      `start; a further first round was dropped. Gateway on one core, upstream and load on another. rps, p50, p99 and ` +
      `CPU: ${report.seconds} s with ${report.connections} connections, closed loop; c=1: one connection, closed loop. ` +
      `Added: above direct in the same round. CPU: user and system time of all processes of the peer. Ratios are taken ` +
      `within a round. Before each timing there was a second of full load in which every answer was compared.` +
      (report.load.startsWith('wrk') ? ' wrk corrects its latencies for coordinated omission.' : ''),
    '## Where',
    [
      `- ${machine.date}, commit ${machine.commit}`,
      `- ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Linux ${machine.kernel}`,
      `- load average at the start: ${machine.loadAverage.join(', ')}`,
      `- node ${machine.node}; load: ${report.load}; upstream: ${report.upstream}`,
      ...report.peers.filter((each) => each.version !== '').map((each) => `- ${each.name}: ${each.version}`),
    ].join('\n'),
    '## Configurations',
    fence('upstream', report.upstreamConfig),
    ...report.peers.filter((each) => each.config !== '').map((each) => fence(each.name, each.config)),
  ];
  return `${parts.join('\n\n')}\n`;
}
