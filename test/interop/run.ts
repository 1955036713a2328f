import { ensureEnvironment } from './environments.ts';
import { writeReport } from './report.ts';
import { runStand } from './run-stand.ts';
import type { Stand, StandResult } from './stand.ts';
import { stands } from './stands.ts';

const USAGE = `npm run interop -- [name ...]
Real model servers and real clients, through Makas. A name is a server (${stands.map(({ name }) => name).join(', ')})
or one of its clients (${stands.flatMap(({ clients }) => clients.map(({ name }) => name)).join(', ')}).
Without names all run, and docs/interop.md is written anew. Needs Python 3.11 and, at first, a package registry;
the packages go to .interop, or to the folder named by INTEROP_FOLDER.
`;

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** What does not even start fails for all its clients; the others go on. */
async function tryStand(stand: Stand, clients: readonly string[]): Promise<StandResult> {
  try {
    return await runStand(stand, { clients, say });
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    say(`  FAIL ${stand.name}: ${detail}`);
    const checks = [{ check: 'the servers and Makas run', ok: false, detail }];
    return { stand, version: '', clients: stand.clients.map((client) => ({ client, version: '', checks })) };
  }
}

async function main(names: readonly string[]): Promise<number> {
  if (names.includes('--help') || names.includes('-h')) {
    process.stdout.write(USAGE);
    return 0;
  }
  const known = stands.flatMap(({ name, clients }) => [name, ...clients.map((client) => client.name)]);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`nothing is named ${unknown}; there are ${known.join(', ')}`);
  const results: StandResult[] = [];
  for (const stand of stands) {
    const clients = stand.clients.map(({ name }) => name).filter((name) => names.includes(name));
    if (names.length > 0 && !names.includes(stand.name) && clients.length === 0) continue;
    const environments = new Set([stand, ...stand.servers, ...stand.clients].map(({ environment }) => environment));
    for (const each of environments) if (each !== 'node') await ensureEnvironment(each, say);
    results.push(await tryStand(stand, names.includes(stand.name) ? [] : clients));
  }
  if (names.length === 0) writeReport(results);
  const checks = results.flatMap(({ clients }) => clients.flatMap((client) => client.checks));
  const failed = checks.filter(({ ok }) => !ok).length;
  process.stdout.write(`${checks.length - failed} of ${checks.length} checks hold\n`);
  return failed === 0 ? 0 : 1;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  say(`interop: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
