import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { startApp, type App } from '../../src/app.ts';
import { prepareConfigFile } from '../../src/config/prepare.ts';
import { LineOutput } from '../../src/edges/log/line-output.ts';
import { onLane } from './lanes.ts';

export interface TestGateway {
  readonly url: string;
  readonly adminUrl: string;
  readonly configPath: string;
  readonly folder: string;
  readonly app: App;
  /** Writes a new configuration in place and waits until it was tried. */
  rewrite(yaml: string): Promise<void>;
  metrics(): Promise<string>;
  /** Value of one series as the scrape shows it, 0 when it is not there. */
  metric(series: string): Promise<number>;
  ledger(): Promise<Ledger>;
  close(): Promise<void>;
}

/** The head that most test configurations share: free ports, state in a folder of the test. */
export function configHead(folder: string, http = ''): string {
  return `version: 1
listen: { http: { host: 127.0.0.1, port: 0${http === '' ? '' : `, ${http}`} }, admin: { host: 127.0.0.1, port: 0 } }
state: { kind: embedded, path: ${JSON.stringify(join(folder, 'var'))} }
`;
}

export interface OneRoute {
  /** Further keys of `listen.http`, as YAML in one line. */
  readonly http?: string;
  /** Further keys of the backend `main`. */
  readonly backend?: string;
  /** Further keys of the route. */
  readonly route?: string;
  /** Further keys of its rule. */
  readonly rule?: string;
  /** `limits`, as YAML in one line. */
  readonly limits?: string;
}

/** A configuration of one route for every model, to one backend `main` with these endpoints. */
export function oneRoute(endpoints: readonly string[], more: OneRoute = {}): (folder: string) => string {
  const { http = '', backend = '', route = '', rule = '', limits = '' } = more;
  const keys = (text: string): string => (text === '' ? '' : `, ${text}`);
  return (folder) => `${configHead(folder, http)}
limits: { ${limits} }
backends:
  main: { protocol: oip, endpoints: ${JSON.stringify(endpoints)}${keys(backend)} }
routes:
  - { name: all${keys(route)}, rules: [{ name: only, backend: main${keys(rule)} }] }
`;
}

/** What became of the requests so far; when all is well, started = completed + aborted + inflight. */
export interface Ledger {
  readonly started: number;
  readonly completed: number;
  readonly aborted: number;
  readonly inflight: number;
}

/**
 * Starts a real gateway in this process. `yaml` gets the folder of the test, to name files in it; `afterRead` is called
 * when the configuration was read and nothing has started.
 */
export async function startGateway(
  yaml: (folder: string) => string,
  afterRead: (configPath: string) => void = () => {},
): Promise<TestGateway> {
  const folder = mkdtempSync(join(tmpdir(), 'makas-test-'));
  const configPath = join(folder, 'makas.yaml');
  writeFileSync(configPath, onLane(yaml(folder)));
  const config = prepareConfigFile(configPath);
  if (config.snapshot === null) throw new Error(JSON.stringify(config.problems, null, 2));
  afterRead(configPath);
  const output = new LineOutput({ fileDescriptor: openSync(join(folder, 'log.jsonl'), 'a') });
  const app = await startApp({ path: configPath, config, output });
  const metrics = async (): Promise<string> => (await fetch(`${app.adminUrl}/metrics`)).text();
  return {
    url: app.httpUrl,
    adminUrl: app.adminUrl,
    configPath,
    folder,
    app,
    metrics,
    async rewrite(next) {
      writeFileSync(configPath, onLane(next));
      await app.reload('test');
    },
    async metric(series) {
      const line = (await metrics()).split('\n').find((text) => text.startsWith(`${series} `));
      return line === undefined ? 0 : Number(line.slice(series.length + 1));
    },
    async ledger() {
      const text = await metrics();
      return {
        started: sumOf(text, 'makas_requests_started_total'),
        completed: sumOf(text, 'makas_requests_total'),
        aborted: sumOf(text, 'makas_requests_aborted_total'),
        inflight: sumOf(text, 'makas_requests_inflight'),
      };
    },
    async close() {
      await app.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Sum over all label sets of a metric. */
export function sumOf(exposition: string, metric: string): number {
  let sum = 0;
  for (const line of exposition.split('\n')) {
    if (line.startsWith(`${metric} `) || line.startsWith(`${metric}{`))
      sum += Number(line.slice(line.lastIndexOf(' ')));
  }
  return sum;
}

export interface GatewayProcess {
  readonly url: string;
  readonly adminUrl: string;
  readonly child: ChildProcess;
  /** Lines of the log so far. */
  readonly lines: readonly string[];
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

const MAIN = fileURLToPath(new URL('../../src/bin.js', import.meta.url));

/** Starts `makas serve` as a process of its own, for tests of signals and crashes. */
export async function startGatewayProcess(
  configPath: string,
  nodeFlags: readonly string[] = [],
): Promise<GatewayProcess> {
  writeFileSync(configPath, onLane(readFileSync(configPath, 'utf8')));
  const child = spawn(process.execPath, [...nodeFlags, MAIN, 'serve', '--config', configPath], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  const serving = await new Promise<{ http: string; admin: string }>((resolve, reject) => {
    let rest = '';
    let errors = '';
    child.stderr?.on('data', (chunk: Buffer) => (errors += String(chunk)));
    child.once('exit', (code) => reject(new Error(`the gateway ended with ${code}: ${errors}${lines.join('\n')}`)));
    child.stdout?.on('data', (chunk: Buffer) => {
      const parts = (rest + String(chunk)).split('\n');
      rest = parts.pop() ?? '';
      for (const line of parts) {
        lines.push(line);
        const entry = JSON.parse(line) as { msg?: string; http: string; admin: string };
        if (entry.msg === 'serving') resolve(entry);
      }
    });
  });
  return {
    url: serving.http,
    adminUrl: serving.admin,
    child,
    lines,
    stop(signal = 'SIGTERM') {
      child.kill(signal);
      return exited;
    },
  };
}
