import { type PreparedConfig, prepareConfigFile } from '../config/prepare.ts';
import { type Problem, formatProblem } from '../config/problem.ts';
import type { ConfigFile } from '../config/schema/root.ts';

const USAGE = 'usage: makas check FILE [--json]';

/** `makas check FILE [--json]`: 0 and a summary when the configuration may go live, else 1 and every problem. */
export function checkCommand(args: readonly string[]): Promise<number> {
  const asJson = args.includes('--json');
  const [fileName, ...rest] = args.filter((arg) => arg !== '--json');
  if (fileName === undefined || fileName.startsWith('-') || rest.length > 0) {
    process.stderr.write(`${USAGE}\n`);
    return Promise.resolve(2);
  }
  const prepared = prepareConfigFile(fileName);
  process.stdout.write(asJson ? `${showAsJson(prepared, fileName)}\n` : showAsText(prepared, fileName));
  return Promise.resolve(prepared.snapshot === null ? 1 : 0);
}

function showAsText(prepared: PreparedConfig, fileName: string): string {
  const lines = prepared.problems.map((problem) => formatProblem(problem, fileName));
  lines.push(
    prepared.snapshot === null
      ? summarizeProblems(prepared.problems)
      : summarizeConfig(prepared.config, prepared.problems),
  );
  return `${lines.join('\n')}\n`;
}

function showAsJson(prepared: PreparedConfig, fileName: string): string {
  const { problems } = prepared;
  const hash = prepared.snapshot === null ? {} : { hash: prepared.hash };
  return JSON.stringify({ ok: prepared.snapshot !== null, file: fileName, ...hash, problems }, null, 2);
}

/** `ok: 2 routes, 3 backends, 1 feature view; 1 warning`. */
function summarizeConfig(config: ConfigFile, problems: readonly Problem[]): string {
  const views = Object.keys(config.features ?? {}).length;
  const parts = [count(config.routes.length, 'route'), count(Object.keys(config.backends).length, 'backend')];
  if (views > 0) parts.push(count(views, 'feature view'));
  const warnings = problems.length === 0 ? '' : `; ${count(problems.length, 'warning')}`;
  return `ok: ${parts.join(', ')}${warnings}`;
}

function summarizeProblems(problems: readonly Problem[]): string {
  const errors = problems.filter((problem) => problem.severity === 'error').length;
  const warnings = problems.length - errors;
  return `not ok: ${count(errors, 'error')}${warnings === 0 ? '' : `, ${count(warnings, 'warning')}`}`;
}

function count(number: number, thing: string): string {
  return `${number} ${thing}${number === 1 ? '' : 's'}`;
}
