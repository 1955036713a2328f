import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { nginxModules, nginxVersion, startNginx } from '../nginx.ts';
import type { Peer, PeerStart, RunningPeer } from '../peer.ts';
import { redisVersion } from '../redis.ts';

const LUA_PACKAGES = ['libnginx-mod-http-lua', 'lua-nginx-redis', 'lua-cjson'];

async function start({ place, config, cores, isReady }: PeerStart): Promise<RunningPeer> {
  const child = await startNginx({ cores, dir: place.dir, config, isReady });
  return { pids: [child.pid], port: place.port, config, stop: child.stop };
}

/** The yardstick in C: ratios to it carry over to other machines. */
export const nginx: Peer = {
  name: 'nginx',
  version: () => nginxVersion() ?? '',
  missing: () => (nginxVersion() === null ? 'nginx is not installed' : null),
  start,
};

function packageVersion(name: string): string | null {
  const { status, stdout } = spawnSync('dpkg-query', ['-W', '-f', '${Version}', name], { encoding: 'utf8' });
  return status === 0 ? stdout : null;
}

/** What one would write today for features from Redis in front of a model server, if not a program of one's own. */
export const nginxLua: Peer = {
  name: 'nginx+lua+redis',
  version: () => {
    const packages = LUA_PACKAGES.map((each) => `${each} ${packageVersion(each) ?? '(not a package)'}`);
    return [`nginx ${nginxVersion() ?? ''}`, ...packages, `redis ${redisVersion() ?? ''}`].join(', ');
  },
  missing: () => {
    if (nginxVersion() === null) return 'nginx is not installed';
    if (!existsSync(join(nginxModules(), 'ngx_http_lua_module.so'))) return 'the Lua module of nginx is not installed';
    return null;
  },
  start,
};
