import { spawnSync } from 'node:child_process';

/** Everything beside Node that the harness uses, by the names of Debian. */
export const PACKAGES = [
  'nginx',
  'libnginx-mod-http-lua',
  'lua-nginx-redis',
  'lua-cjson',
  'haproxy',
  'caddy',
  'wrk',
  'nghttp2-client',
  'gcc',
  'libc6-dev',
  'redis-server',
  'util-linux',
] as const;

function run(...words: string[]): void {
  const isRoot = process.getuid?.() === 0;
  const [command = '', ...args] = isRoot ? words : ['sudo', ...words];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status } = spawnSync(command, args, { stdio: 'inherit', env });
  if (status !== 0) throw new Error(`${[command, ...args].join(' ')} failed`);
}

/** Installs the peers and tools with apt. */
export function installPackages(): void {
  run('apt-get', 'update');
  run('apt-get', 'install', '--yes', '--no-install-recommends', ...PACKAGES);
}
