import type { Backend, Endpoint } from '../core/snapshot.ts';
import type { Exchange } from './exchange.ts';
import { withoutHeaders } from '../protocol/header-block.ts';
import type { UpstreamRequest } from './ports.ts';
import { backendRequest, endpointPath } from './upstream-request.ts';

/** Names that a copy sets itself. Compressed answers could not be compared. */
const OWN_NAMES: ReadonlySet<string> = new Set(['x-shadow', 'makas-shadow', 'accept-encoding']);

/**
 * The copy of a request for a shadow, marked so that its server can tell it from real traffic; null when it has no form in
 * the protocol of the shadow.
 */
export function shadowRequest(
  exchange: Exchange,
  backend: Backend,
  endpoint: Endpoint,
  primary: string,
): UpstreamRequest | null {
  const request = backendRequest(exchange, backend);
  if ('ok' in request) return null;
  const marks = `accept-encoding: identity\r\nx-shadow: 1\r\nmakas-shadow: ${primary}\r\n`;
  return {
    method: request.method,
    path: endpointPath(endpoint, request),
    headers: withoutHeaders(request.headers, OWN_NAMES) + marks,
    body: request.body,
    isFresh: false,
  };
}

const endpointsOfBackend = new WeakMap<Backend, readonly Endpoint[]>();

/** The endpoints of a backend under ids of their own, so that copies never share a connection with real requests. */
export function shadowEndpoints(backend: Backend): readonly Endpoint[] {
  let endpoints = endpointsOfBackend.get(backend);
  if (endpoints === undefined) {
    endpoints = backend.endpoints.map((endpoint) => ({ ...endpoint, id: `${endpoint.id}#shadow` }));
    endpointsOfBackend.set(backend, endpoints);
  }
  return endpoints;
}
