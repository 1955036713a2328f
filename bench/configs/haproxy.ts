import { READY_PATH } from '../nginx.ts';
import type { Configure } from '../scenario.ts';
import { UPSTREAM_HOSTS } from '../upstream/upstream.ts';

export interface HaproxySplit {
  readonly connections?: number;
  readonly isLarge?: boolean;
}

/** The model iris, split 90/10 by a hash of the user; one thread. Bodies of megabytes want larger buffers. */
export function haproxySplit({ connections = 1024, isLarge = false }: HaproxySplit = {}): Configure {
  return ({ port, upstreamPort }) => {
    const [stable, canary] = UPSTREAM_HOSTS.map((host) => `${host}:${upstreamPort}`);
    return `global
  nbthread 1
  no strict-limits
${isLarge ? '  tune.bufsize 262144\n' : ''}  maxconn ${connections}
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
  option http-keep-alive
  http-reuse always
frontend data
  bind 127.0.0.1:${port} backlog 1024
  http-request return status 200 if { path ${READY_PATH} }
  use_backend iris if { path_beg /v2/models/iris/ }
backend iris
  balance hdr(x-user-id)
  server iris-v1 ${stable} weight 90
  server iris-v2 ${canary} weight 10
`;
  };
}
