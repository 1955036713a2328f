import type { Backend, Endpoint } from '../core/snapshot.ts';
import type { Exchange } from './exchange.ts';
import type { HeaderList, UpstreamRequest } from './ports.ts';
import { backendRequest, endpointPath } from './upstream-request.ts';

/** Names that a copy sets itself. Compressed answers could not be compared. */
const OWN_NAMES: ReadonlySet<string> = new Set(['x-shadow', 'makas-shadow', 'accept-encoding']);

/** The copy of a request for a shadow, marked so that its server can tell it from real traffic. */
export function shadowRequest(
  exchange: Exchange,
  backend: Backend,
  endpoint: Endpoint,
  primary: string,
): UpstreamRequest {
  const request = backendRequest(exchange, backend);
  const headers: HeaderList = [];
  for (let i = 0; i < request.headers.length; i += 2) {
    const name = request.headers[i]!;
    if (!OWN_NAMES.has(name.toLowerCase())) headers.push(name, request.headers[i + 1]!);
  }
  headers.push('accept-encoding', 'identity', 'x-shadow', '1', 'makas-shadow', primary);
  return {
    method: exchange.facts.method,
    path: endpointPath(endpoint, request),
    headers,
    body: request.body,
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
