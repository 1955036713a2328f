import { styleOf } from './figures.ts';
import type { Report } from './report-data.ts';
import type { Spread } from './statistics.ts';

const WIDTH = 760;
const LEFT = 230;
const RIGHT = 90;
const ROW = 26;
const TOP = 44;

/** Readable on light and dark pages: an image follows the scheme of the page's viewer. */
const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .title { font-weight: 600; font-size: 15px; }
  .case { font-weight: 600; }
  .bar { fill: #8c959f; }
  .own { fill: #d4622a; }
  .spread { stroke: #1f2328; stroke-width: 1.5; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .bar { fill: #6e7681; }
    .spread { stroke: #e6edf3; }
  }
`;

interface Row {
  readonly label: string;
  readonly spread: Spread | null;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

/** The bars of a report, each case under its name. */
export function chartRows({ summaries, chart }: Pick<Report, 'summaries' | 'chart'>): Row[] {
  const rows: Row[] = [];
  let last = '';
  for (const { peer, case: name, figures } of summaries) {
    const spread = figures[chart];
    if (spread === undefined) continue;
    if (name !== last) rows.push({ label: name, spread: null });
    last = name;
    rows.push({ label: peer, spread });
  }
  return rows;
}

function renderRow({ label, spread }: Row, n: number, scale: (value: number) => number, digits: number): string {
  const y = TOP + n * ROW;
  const middle = y + ROW / 2 + 4;
  if (spread === null) return `<text class="case" x="12" y="${middle}">${escapeXml(label)}</text>`;
  const [length, low, high] = [spread.median, spread.q1, spread.q3].map((each) => scale(each).toFixed(1));
  const kind = label.startsWith('makas') ? 'own' : 'bar';
  const end = Math.max(Number(length), Number(high)) + LEFT + 8;
  return [
    `<text x="${LEFT - 10}" y="${middle}" text-anchor="end">${escapeXml(label)}</text>`,
    `<rect class="${kind}" x="${LEFT}" y="${y + 4}" width="${length}" height="${ROW - 8}" rx="2"/>`,
    `<path class="spread" d="M${LEFT + Number(low)} ${y + ROW / 2}H${LEFT + Number(high)}"/>`,
    `<text x="${end}" y="${middle}">${spread.median.toFixed(digits)}</text>`,
  ].join('\n');
}

/** A bar chart of the report's main figure, with the quartiles, as SVG. */
export function renderChart(report: Pick<Report, 'scenario' | 'summaries' | 'chart'>): string {
  const style = styleOf(report.chart);
  const scaled = chartRows(report).map(({ label, spread }) => ({
    label,
    spread: spread && {
      median: spread.median * style.scale,
      q1: spread.q1 * style.scale,
      q3: spread.q3 * style.scale,
    },
  }));
  const most = Math.max(...scaled.map((each) => each.spread?.q3 ?? 0), Number.MIN_VALUE);
  const scale = (value: number): number => Math.max(0, (value / most) * (WIDTH - LEFT - RIGHT));
  const height = TOP + scaled.length * ROW + 12;
  const title = `${report.scenario}: ${style.title}, less is better`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeXml(title)}">
<style>${STYLE}</style>
<text class="title" x="12" y="26">${escapeXml(title)}</text>
${scaled.map((row, n) => renderRow(row, n, scale, style.digits)).join('\n')}
</svg>
`;
}
