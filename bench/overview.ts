import { BAR_HEAD, barCells } from './bars.ts';
import type { Report } from './report-data.ts';
import { renderTable } from './table.ts';

/** The page over all scenarios: which bars are met, and every chart. */
export function renderOverview(reports: readonly Report[]): string {
  const rows = reports.flatMap(({ scenario, bars }) =>
    bars.map((bar) => [`[${scenario}](${scenario}.md)`, ...barCells(bar)]),
  );
  const charts = reports.flatMap(({ scenario, about }) => [
    `## [${scenario}](${scenario}.md)`,
    about,
    `![${scenario}](${scenario}.svg)`,
  ]);
  const parts = [
    '# Benchmarks',
    'Written by `npm run bench`. What each figure means, on which machine it was taken, and with which versions and ' +
      'configurations, stands on the page of its scenario. Ratios are medians of the ratios within rounds, with quartiles.',
    renderTable([['scenario', ...BAR_HEAD], ...rows]),
    ...charts,
  ];
  return `${parts.join('\n\n')}\n`;
}
