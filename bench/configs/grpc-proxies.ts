import { renderNginx } from '../nginx.ts';
import type { Configure, Place } from '../scenario.ts';
import { UPSTREAM_HOSTS } from '../upstream/upstream.ts';
import { renderPool } from './nginx.ts';

const PATH = '/inference.GRPCInferenceService/';

function endpoints({ upstreamPort }: Place): string[] {
  return UPSTREAM_HOSTS.map((host) => `${host}:${upstreamPort}`);
}

/** Split 90/10 by a hash of the user; the message is not read, so that any model goes this way. */
export const nginxGrpcSplit: Configure = (place) => {
  const http = `${renderPool('iris_v1', place)}${renderPool('iris_v2', place)}
  split_clients $http_x_user_id $backend { 90% iris_v1; * iris_v2; }
  server {
    listen 127.0.0.1:${place.port} http2 backlog=1024;
    location ${PATH} { grpc_pass grpc://$backend; }
  }
`;
  return renderNginx({ http });
};

/** The same with HTTP/2 on both sides; one thread. */
export const haproxyGrpcSplit: Configure = (place) => {
  const [stable, canary] = endpoints(place);
  return `global
  nbthread 1
  no strict-limits
  maxconn 1024
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
  option http-keep-alive
  http-reuse always
frontend data
  bind 127.0.0.1:${place.port} proto h2 backlog 1024
  use_backend iris if { path_beg ${PATH} }
backend iris
  balance hdr(x-user-id)
  server iris-v1 ${stable} proto h2 weight 90
  server iris-v2 ${canary} proto h2 weight 10
`;
};

/** Its hash policy knows no weights, so the split is 50/50. */
export const caddyGrpcSplit: Configure = (place) => `{
  admin off
  auto_https off
  log {
    level ERROR
  }
  servers {
    protocols h1 h2c
  }
}
http://127.0.0.1:${place.port} {
  bind 127.0.0.1
  handle ${PATH}* {
    reverse_proxy ${endpoints(place).join(' ')} {
      lb_policy header x-user-id
      transport http {
        versions h2c
        compression off
      }
    }
  }
}
`;
