import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { autocannonLoad } from './load/autocannon.ts';
import { findWrk } from './load/wrk.ts';
import { parseOptions, selectNamed, USAGE } from './options.ts';
import { peers } from './peers/table.ts';
import { renderReport, renderResult } from './report.ts';
import { runScenario } from './run-scenario.ts';
import { scenarios } from './scenarios/table.ts';

const REPORTS = join(import.meta.dirname, 'report');

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function assertPinning(): void {
  if (availableParallelism() < 2)
    throw new Error('the harness needs two cores, one for the gateway and one for the load');
  if (spawnSync('taskset', ['-V']).error !== undefined) throw new Error('the harness needs taskset (util-linux)');
}

async function main(argv: readonly string[]): Promise<void> {
  const options = parseOptions(argv);
  if (options.help) {
    process.stdout.write(USAGE);
    return;
  }
  assertPinning();
  const wanted = selectNamed('scenario', scenarios, options.scenarios);
  const load = findWrk() ?? autocannonLoad();
  const command = ['npm run bench', ...(argv.length > 0 ? ['--', ...argv] : [])].join(' ');
  for (const scenario of wanted) {
    const report = await runScenario({
      scenario,
      peers: selectNamed('peer', peers, options.peers),
      load,
      options,
      command,
      say,
    });
    if (report === null) continue;
    // A short run must not take the place of a full one.
    const file = join(REPORTS, options.quick ? `${scenario.name}.quick` : scenario.name);
    mkdirSync(REPORTS, { recursive: true });
    writeFileSync(`${file}.json`, `${JSON.stringify(report, null, 2)}\n`);
    writeFileSync(`${file}.md`, renderReport(report));
    process.stdout.write(`\n${scenario.name}\n\n${renderResult(report)}\n`);
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
try {
  await main(process.argv.slice(2));
} catch (error) {
  say(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
