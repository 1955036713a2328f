import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { answers, freePorts, runChild, startChild, waitUntilReady, type Child } from './children.ts';
import { checkLedger } from './ledger.ts';
import { pythonOf, versionOf } from './environments.ts';
import type { CheckResult, ClientResult, ClientSpec, Stand, StandResult } from './stand.ts';

const HERE = import.meta.dirname;
const ROOT = join(HERE, '..', '..');
const CLIENT_MS = 180_000;

type Names = Readonly<Record<string, string>>;

function fill(text: string, names: Names): string {
  return text.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = names[name];
    if (value === undefined) throw new Error(`nothing is named ${name}`);
    return value;
  });
}

async function findNames(stand: Stand, folder: string): Promise<Names> {
  const names = ['http', 'grpc', 'admin', ...stand.ports];
  const ports = await freePorts(names.length);
  const found: Record<string, string> = { folder };
  for (const [index, name] of names.entries()) {
    const port = String(ports[index]);
    // The ports of Makas stand in its configuration as numbers.
    found[name] = index < 3 ? port : `http://127.0.0.1:${port}`;
    found[`${name}Port`] = port;
  }
  return found;
}

async function startServers(stand: Stand, names: Names, running: Child[]): Promise<void> {
  for (const server of stand.servers) {
    const args = [join(HERE, 'servers', server.script), ...server.args.map((arg) => fill(arg, names))];
    const env = { PYTHONDONTWRITEBYTECODE: '1', PYTHONUNBUFFERED: '1' };
    const child = startChild({ command: pythonOf(server.environment), args, env });
    running.push(child);
    const [address, path] = server.ready;
    await waitUntilReady(server.name, child, () => answers(`${names[address]}${path}`));
  }
}

async function startMakas(stand: Stand, names: Names, running: Child[]): Promise<Child> {
  const config = join(names['folder'] ?? '', 'makas.yaml');
  writeFileSync(config, fill(readFileSync(join(HERE, 'configs', stand.config), 'utf8'), names));
  const makas = startChild({
    command: process.execPath,
    args: [join(ROOT, 'src', 'bin.js'), 'serve', '--config', config],
  });
  running.push(makas);
  await waitUntilReady('makas', makas, () => answers(`http://127.0.0.1:${names['admin']}/readyz`));
  return makas;
}

function parseLines(out: string): CheckResult[] {
  const lines = out.split('\n').filter((line) => line.startsWith('{"check"'));
  return lines.map((line) => JSON.parse(line) as CheckResult);
}

async function runClient(client: ClientSpec, names: Names, isNode: boolean): Promise<ClientResult> {
  const makas = `http://127.0.0.1:${names['http']}`;
  const makasGrpc = `http://127.0.0.1:${names['grpc']}`;
  const addresses = { ...names, makas, makasGrpc };
  const env = { INTEROP: JSON.stringify(addresses), PYTHONDONTWRITEBYTECODE: '1' };
  const command = client.environment === 'node' ? process.execPath : pythonOf(client.environment);
  const ended = await runChild({ command, args: [join(HERE, 'clients', client.script)], env }, CLIENT_MS);
  const checks = parseLines(ended.out);
  if (ended.code !== 0 || checks.length === 0) {
    const detail = `exit code ${ended.code}: ${ended.err.trim().slice(-1_500)}`;
    checks.push({ check: 'the script ends well', ok: false, detail });
  }
  const version = isNode
    ? nodeVersion(client.package)
    : await versionOf(client.environment as 'kserve', client.package);
  return { client, version, checks };
}

function nodeVersion(name: string): string {
  const file = join(ROOT, 'node_modules', name, 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

/** A server that died makes both sides of a comparison fail alike. */
function checkServers(running: readonly Child[]): CheckResult {
  const dead = running.filter((child) => !child.isAlive());
  return {
    check: 'the servers are alive',
    ok: dead.length === 0,
    detail: dead.map((child) => child.tail()).join('\n'),
  };
}

export interface RunOptions {
  /** Names of clients; all when empty. */
  readonly clients: readonly string[];
  readonly say: (line: string) => void;
}

/** Starts the servers and Makas, runs the clients one after another, and stops everything. */
export async function runStand(stand: Stand, { clients, say }: RunOptions): Promise<StandResult> {
  const folder = mkdtempSync(join(tmpdir(), 'makas-interop-'));
  const running: Child[] = [];
  const results: ClientResult[] = [];
  try {
    const names = await findNames(stand, folder);
    say(`${stand.title}: starting`);
    await startServers(stand, names, running);
    const makas = await startMakas(stand, names, running);
    for (const client of stand.clients) {
      if (clients.length > 0 && !clients.includes(client.name)) continue;
      const result = await runClient(client, names, client.environment === 'node');
      const ledger = await checkLedger(names['admin'] ?? '');
      results.push({ ...result, checks: [...result.checks, checkServers(running), ...ledger] });
      for (const { check, ok, detail } of results.at(-1)?.checks ?? [])
        say(
          `  ${ok ? 'ok  ' : 'FAIL'} ${client.name}: ${check}${detail === '' ? '' : ` | ${detail.replaceAll('\n', ' ')}`}`,
        );
      if (!makas.isAlive()) throw new Error(`Makas ended during ${client.name}:\n${makas.tail()}`);
    }
    return { stand, version: await versionOf(stand.environment, stand.package), clients: results };
  } finally {
    for (const child of running.toReversed()) await child.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
