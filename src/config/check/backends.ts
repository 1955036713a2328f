import type { Protocol } from '../../core/facts.ts';
import { isSafeName } from '../../protocol/path-name.ts';
import { type ProblemSink, joinPath, showFound } from '../problem.ts';
import type { ConfigFile } from '../schema/root.ts';
import { checkWait } from './values.ts';

type BackendFile = ConfigFile['backends'][string];

/** Protocols whose requests name a version. */
const VERSIONED: readonly Protocol[] = ['oip', 'triton', 'tfserving', 'oip-grpc', 'tfserving-grpc'];
/** Protocols whose requests name the model in the path. */
const IN_THE_PATH: readonly Protocol[] = ['oip', 'triton', 'kserve-v1', 'tfserving'];

/** Headers that describe the connection or the framing; setting them would corrupt requests. */
const OWN_HEADERS = new Set(
  'connection content-length expect keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding upgrade'.split(
    ' ',
  ),
);

export function checkBackends({ backends, listen }: ConfigFile, sink: ProblemSink): void {
  for (const [name, backend] of Object.entries(backends)) {
    const path = joinPath('backends', name);
    checkBackend(backend, path, sink);
    if (backend.protocol === 'ray-serve-grpc' && (listen?.grpc?.services ?? []).length === 0) {
      sink.warning(path, 'no request reaches this backend', {
        hint: 'name the gRPC services of the app in `listen.grpc.services`',
      });
    }
  }
}

function checkBackend(backend: BackendFile, path: string, sink: ProblemSink): void {
  const { protocol } = backend;
  if (!VERSIONED.includes(protocol) && backend.version !== undefined) {
    sink.error(
      joinPath(path, 'version'),
      `requests of ${protocol} have no version; name it in \`model\` if the server needs it`,
    );
  }
  for (const key of ['model', 'version'] as const) {
    const name = backend[key];
    if (name !== undefined && IN_THE_PATH.includes(protocol) && !isSafeName(name)) {
      sink.error(
        joinPath(path, key),
        `a ${key} stands in a path and cannot hold a slash, a backslash or a control character`,
        {
          found: showFound(name),
        },
      );
    }
  }
  for (const key of ['timeout', 'connectTimeout', 'keepAlive'] as const) {
    checkWait(backend[key], joinPath(path, key), sink);
  }
  checkEndpoints(backend, joinPath(path, 'endpoints'), sink);
  checkHeaders(backend, joinPath(path, 'headers'), sink);
  checkTls(backend, joinPath(path, 'tls'), sink);
}

function checkEndpoints({ endpoints, protocol }: BackendFile, path: string, sink: ProblemSink): void {
  const seen = new Set<string>();
  endpoints.forEach((endpoint, index) => {
    const at = joinPath(path, index);
    const url = URL.parse(endpoint);
    if (url === null) {
      sink.error(at, 'not an address', {
        found: showFound(endpoint),
        expected: 'an address such as http://127.0.0.1:9001',
      });
    } else if (url.username !== '' || url.password !== '') {
      sink.error(at, 'an address must not hold a user or a password', { hint: 'set a header `authorization` instead' });
    } else if (protocol.endsWith('-grpc') && url.pathname !== '/') {
      sink.error(at, 'a gRPC server has no path', { found: showFound(endpoint) });
    } else if (seen.has(url.href)) {
      sink.warning(at, 'this address is listed twice', { found: showFound(endpoint) });
    }
    if (url !== null) seen.add(url.href);
  });
}

function checkHeaders({ headers }: BackendFile, path: string, sink: ProblemSink): void {
  const seen = new Set<string>();
  for (const name of Object.keys(headers ?? {})) {
    const lower = name.toLowerCase();
    if (OWN_HEADERS.has(lower)) sink.error(joinPath(path, name), `the header \`${name}\` is set by the gateway itself`);
    if (seen.has(lower)) sink.error(joinPath(path, name), `the header \`${name}\` is there twice, in another case`);
    seen.add(lower);
  }
}

function checkTls({ endpoints, tls }: BackendFile, path: string, sink: ProblemSink): void {
  if (tls === undefined) return;
  if ((tls.cert === undefined) !== (tls.key === undefined)) sink.error(path, '`cert` and `key` go together');
  if (!endpoints.some((endpoint) => endpoint.startsWith('https:'))) {
    sink.warning(path, 'no endpoint of this backend is https, so these settings do nothing');
  }
}
