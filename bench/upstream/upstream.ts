import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../child.ts';
import { LOAD_CORE } from '../cores.ts';
import { nginxVersion, READY_PATH, renderNginx, startNginx } from '../nginx.ts';
import { ask, isAnswering } from '../probe.ts';
import type { Case } from '../scenario.ts';

const STATUS_PATH = '/status';
const CONNECTIONS = 16_384;

/** Addresses of every upstream, so that a proxy that tells upstreams apart by address alone can split between two. */
export const UPSTREAM_HOSTS = ['127.0.0.1', '127.0.0.2'] as const;

export interface Upstream {
  readonly port: number;
  /** Its name and version. */
  readonly software: string;
  readonly config: string;
  /** Requests that it has had since it started. */
  readonly calls: () => Promise<number>;
  readonly stop: () => Promise<void>;
}

/** A literal of the nginx configuration; nginx would read `$` as a variable and has no escape for it. */
export function quoteNginx(text: string): string {
  if (text.includes('$')) throw new Error('an answer of nginx cannot hold a dollar sign');
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

/** A large body is read to its end before the answer, and the answer comes from a file named `answer`. */
function renderAnswer({ answer, isLarge = false }: Case): string {
  if (!isLarge) return `return 200 ${quoteNginx(answer.body)};`;
  return `client_max_body_size 64m;
      client_body_buffer_size 8m;
      rewrite_by_lua_block { ngx.req.read_body() ngx.req.set_method(ngx.HTTP_GET) }
      root .;
      sendfile on;
      open_file_cache max=8;
      try_files /answer =500;`;
}

/** The configuration of what stands for the model server. */
export function renderUpstream(own: Case, port: number): string {
  const listens = UPSTREAM_HOSTS.map((host) => `listen ${host}:${port} backlog=1024;`);
  const modules = own.isLarge === true ? ['ndk_http_module.so', 'ngx_http_lua_module.so'] : [];
  const http = `  server {
    ${listens.join(' ')}
    location = ${READY_PATH} { return 200; }
    location = ${STATUS_PATH} { stub_status; }
    location = /v1/traces { default_type application/json; return 200 '{}'; }
    location /v2/models/ {
      default_type ${own.answer.contentType};
      ${renderAnswer(own)}
    }
  }
`;
  return renderNginx({ http, connections: CONNECTIONS, modules });
}

/** Reads the number of requests out of a page of stub_status. Throws when it is not one. */
export function parseCalls(page: string): number {
  const requests = /^ *\d+ +\d+ +(\d+) *$/m.exec(page)?.[1];
  if (requests === undefined) throw new Error(`not a page of stub_status: ${page}`);
  return Number(requests);
}

/** Starts what stands for the model server: nginx with a fixed answer, since it costs least. */
export async function startUpstream(dir: string, own: Case): Promise<Upstream> {
  const port = await freePort();
  const config = renderUpstream(own, port);
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'answer'), own.answer.body);
  const isReady = (): Promise<boolean> => isAnswering(port, READY_PATH);
  const child = await startNginx({ cores: [LOAD_CORE], dir, config, isReady });
  let asked = 0;
  const calls = async (): Promise<number> => {
    const page = await ask({ port, path: STATUS_PATH });
    asked += 1;
    // The page counts the questions for it too.
    return parseCalls(page.body.toString()) - asked;
  };
  return { port, software: `nginx ${nginxVersion() ?? ''}`, config, calls, stop: child.stop };
}
