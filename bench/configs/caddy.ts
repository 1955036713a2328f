import { READY_PATH } from '../nginx.ts';
import type { Configure } from '../scenario.ts';
import { UPSTREAM_HOSTS } from '../upstream/upstream.ts';

/** The model iris, split by a hash of the user. Its hash policy knows no weights, so the split is 50/50. */
export const caddySplit: Configure = ({ port, upstreamPort }) => `{
  admin off
  auto_https off
  log {
    level ERROR
  }
  servers {
    protocols h1
  }
}
http://127.0.0.1:${port} {
  bind 127.0.0.1
  handle ${READY_PATH} {
    respond 200
  }
  handle /v2/models/iris/* {
    reverse_proxy ${UPSTREAM_HOSTS.map((host) => `${host}:${upstreamPort}`).join(' ')} {
      lb_policy header x-user-id
      transport http {
        versions 1.1
        compression off
        keepalive 600s
        keepalive_idle_conns 1024
        keepalive_idle_conns_per_host 256
      }
    }
  }
}
`;
