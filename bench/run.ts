import { join } from 'node:path';
import { pinSelf } from './cores.ts';
import { installPackages } from './install.ts';
import { chooseLoad, findGenerators } from './load/choose-load.ts';
import type { Generators } from './load/bind-load.ts';
import { findH2load } from './load/h2load.ts';
import { nginxVersion } from './nginx.ts';
import { parseOptions, selectNamed, USAGE, type Options } from './options.ts';
import { peers } from './peers/table.ts';
import { redisVersion } from './redis.ts';
import { writeOverview, writeReport } from './report-files.ts';
import { renderResult } from './report.ts';
import { isGrpc, type Scenario } from './scenario.ts';
import { runScenario } from './run-scenario.ts';
import { scenarios } from './scenarios/table.ts';
import { compilerVersion } from './upstream/grpc-upstream.ts';
import { FULL_ROUNDS } from './warnings.ts';

const REPORTS = join(import.meta.dirname, 'report');

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** What is needed whoever takes part: upstreams, store, and the generator of gRPC, which nothing can stand in for. */
function assertTools(wanted: readonly Scenario[], { grpc }: Generators): void {
  const isGrpcWanted = wanted.some(({ cases }) => cases.some(isGrpc));
  const ofGrpc = isGrpcWanted ? { h2load: grpc?.version ?? null, cc: compilerVersion() } : {};
  const tools = { nginx: nginxVersion(), 'redis-server': redisVersion(), ...ofGrpc };
  const missing = Object.entries(tools).filter(([, version]) => version === null);
  if (missing.length === 0) return;
  const names = missing.map(([name]) => name).join(', ');
  throw new Error(`${names}: not installed; \`npm run bench -- --install\` gets everything`);
}

/** Whether a run may stand for its scenario: nothing was left out, and the load cost as little as it can. */
function isFull({ rounds, peers: chosen, quick }: Options, { http }: Generators): boolean {
  const isLong = rounds >= FULL_ROUNDS && !quick;
  return isLong && chosen.length === 0 && http.name === 'wrk';
}

async function main(argv: readonly string[]): Promise<void> {
  const options = parseOptions(argv);
  if (options.help) {
    process.stdout.write(USAGE);
    return;
  }
  if (options.install) {
    installPackages();
    return;
  }
  const wanted = selectNamed('scenario', scenarios, options.scenarios);
  const chosen = selectNamed('peer', peers, options.peers);
  const generators = { http: chooseLoad(options.load, findGenerators(), say), grpc: findH2load() };
  assertTools(wanted, generators);
  pinSelf();
  const command = ['npm run bench', ...(argv.length > 0 ? ['--', ...argv] : [])].join(' ');
  for (const scenario of wanted) {
    const report = await runScenario({ scenario, peers: chosen, options, generators, command, say });
    if (report === null) continue;
    writeReport(REPORTS, report, isFull(options, generators));
    process.stdout.write(`\n${scenario.name}\n\n${renderResult(report)}\n`);
    if (!isFull(options, generators)) continue;
    writeOverview(
      REPORTS,
      scenarios.map(({ name }) => name),
    );
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
try {
  await main(process.argv.slice(2));
} catch (error) {
  say(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
