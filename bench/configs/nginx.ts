import { READY_PATH, renderNginx } from '../nginx.ts';
import type { Configure, Place } from '../scenario.ts';

/** An upstream block that keeps its connections. */
export function renderPool(name: string, place: Place): string {
  const server = `server 127.0.0.1:${place.upstreamPort};`;
  return `  upstream ${name} { ${server} keepalive 128; keepalive_requests 1000000000; keepalive_timeout 600s; }\n`;
}

/** The directives that pass a request on over a kept connection. */
export function renderPass(pool: string): string {
  return `proxy_pass http://${pool}; proxy_http_version 1.1; proxy_set_header Connection "";`;
}

/** Bodies of megabytes stream through in both directions, which costs nginx less than holding them. */
const STREAM =
  'client_max_body_size 64m; client_body_buffer_size 256k; proxy_request_buffering off; proxy_buffering off; ' +
  'proxy_buffers 8 256k; proxy_buffer_size 256k;';
const HOLD = 'client_max_body_size 1m; client_body_buffer_size 64k;';

export interface NginxSplit {
  readonly workers?: number;
  readonly connections?: number;
  readonly isLarge?: boolean;
}

/** The model iris, split 90/10 by a hash of the user. */
export function nginxSplit({ isLarge = false, ...parts }: NginxSplit = {}): Configure {
  return (place) => {
    const http = `${renderPool('iris_v1', place)}${renderPool('iris_v2', place)}
  split_clients $http_x_user_id $backend { 90% iris_v1; * iris_v2; }
  server {
    listen 127.0.0.1:${place.port} backlog=1024;
    location = ${READY_PATH} { return 200; }
    location /v2/models/iris/ {
      ${isLarge ? STREAM : HOLD}
      ${renderPass('$backend')}
    }
  }
`;
    return renderNginx({ http, ...parts });
  };
}
