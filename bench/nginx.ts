import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startPinned, waitUntilReady, type Child } from './child.ts';

/** Path that every HTTP proxy of the harness answers with 200 by itself, to tell that it is up. */
export const READY_PATH = '/ready';

export interface NginxParts {
  /** What stands in the `http` block. */
  readonly http: string;
  readonly workers?: number;
  readonly connections?: number;
  /** Files of modules to load, from the folder where nginx keeps them. */
  readonly modules?: readonly string[];
}

function ask(flag: string): string {
  return spawnSync('nginx', [flag], { encoding: 'utf8' }).stderr ?? '';
}

/** The installed version of nginx, or null. */
export function nginxVersion(): string | null {
  return /nginx\/(\S+)/.exec(ask('-v'))?.[1] ?? null;
}

/** The folder of nginx's loadable modules. */
export function nginxModules(): string {
  return /--modules-path=(\S+)/.exec(ask('-V'))?.[1] ?? '/usr/lib/nginx/modules';
}

/** The whole configuration around `http`, with all files in the directory that nginx is started in. */
export function renderNginx({ http, workers = 1, connections = 1024, modules = [] }: NginxParts): string {
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((each) => `${each}_temp_path tmp_${each};`);
  const loads = modules.map((each) => `load_module ${join(nginxModules(), each)};\n`).join('');
  return `${loads}daemon off;
${workers === 1 ? 'master_process off;' : `worker_processes ${workers};`}
pid nginx.pid;
error_log stderr warn;
events { worker_connections ${connections}; }
http {
  ${paths.join(' ')}
  access_log off;
  tcp_nodelay on;
  keepalive_timeout 600s;
  keepalive_requests 1000000000;
${http}}
`;
}

export interface NginxStart {
  readonly cores: readonly number[];
  readonly dir: string;
  readonly config: string;
  readonly isReady: () => Promise<boolean>;
}

/** Starts nginx in `dir` and waits until it is ready. */
export async function startNginx({ cores, dir, config, isReady }: NginxStart): Promise<Child> {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'nginx.conf'), config);
  const child = startPinned({ cores, command: 'nginx', args: ['-e', 'stderr', '-p', `${dir}/`, '-c', 'nginx.conf'] });
  await waitUntilReady('nginx', child, isReady);
  return child;
}
