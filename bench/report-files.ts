import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderChart } from './chart.ts';
import { renderOverview } from './overview.ts';
import { renderReport } from './report.ts';
import type { Report } from './report-data.ts';

/** Writes JSON, page and chart of one scenario; a short run must not take the place of a full one. */
export function writeReport(dir: string, report: Report, isFull: boolean): void {
  mkdirSync(dir, { recursive: true });
  const name = isFull ? report.scenario : `${report.scenario}.quick`;
  const file = join(dir, name);
  writeFileSync(`${file}.json`, `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(`${file}.md`, renderReport(report, `${name}.svg`));
  writeFileSync(`${file}.svg`, renderChart(report));
}

/** Writes the page over all scenarios of which a full report is there. */
export function writeOverview(dir: string, scenarios: readonly string[]): void {
  const files = scenarios.map((name) => join(dir, `${name}.json`)).filter((file) => existsSync(file));
  const reports = files.map((file): Report => JSON.parse(readFileSync(file, 'utf8')));
  writeFileSync(join(dir, 'README.md'), renderOverview(reports));
}
