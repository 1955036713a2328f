import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startPinned, waitUntilReady, type Child } from './child.ts';
import { isAnswering } from './probe.ts';

/** Path that every nginx of the harness answers with 200, to tell that it is up. */
export const READY_PATH = '/ready';

/** The installed version of nginx, or null. */
export function nginxVersion(): string | null {
  return /nginx\/(\S+)/.exec(spawnSync('nginx', ['-v'], { encoding: 'utf8' }).stderr ?? '')?.[1] ?? null;
}

/** A single nginx process around `http`, with all its files in its own directory. */
export function renderNginx(http: string): string {
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((each) => `${each}_temp_path tmp_${each};`);
  return `daemon off;
master_process off;
pid nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
  ${paths.join(' ')}
  access_log off;
  tcp_nodelay on;
  keepalive_timeout 600s;
  keepalive_requests 1000000000;
${http}}
`;
}

export async function startNginx(core: number, dir: string, port: number, config: string): Promise<Child> {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'nginx.conf'), config);
  const child = startPinned(core, 'nginx', ['-e', 'stderr', '-p', `${dir}/`, '-c', 'nginx.conf']);
  await waitUntilReady('nginx', child, () => isAnswering(port, READY_PATH));
  return child;
}
