import type { Protocol } from '../../core/facts.ts';
import { isSafeName } from '../../protocol/path-name.ts';
import { type ProblemSink, joinPath, showFound } from '../problem.ts';
import type { ConfigFile } from '../schema/root.ts';
import { checkWait } from './values.ts';

type BackendFile = ConfigFile['backends'][string];

const BUILT_PROTOCOLS: readonly string[] = ['oip', 'kserve-v1'] satisfies Protocol[];

/** Headers that describe the connection or the framing; setting them would corrupt requests. */
const OWN_HEADERS = new Set(
  'connection content-length expect keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding upgrade'.split(
    ' ',
  ),
);

export function checkBackends({ backends }: ConfigFile, sink: ProblemSink): void {
  for (const [name, backend] of Object.entries(backends)) checkBackend(backend, joinPath('backends', name), sink);
}

export function isBuiltProtocol(protocol: string): boolean {
  return BUILT_PROTOCOLS.includes(protocol);
}

function checkBackend(backend: BackendFile, path: string, sink: ProblemSink): void {
  if (!isBuiltProtocol(backend.protocol)) {
    sink.error(joinPath(path, 'protocol'), `protocol \`${backend.protocol}\` is not built yet; use oip or kserve-v1`);
  }
  if (backend.protocol === 'kserve-v1' && backend.version !== undefined) {
    sink.error(
      joinPath(path, 'version'),
      'the paths of kserve-v1 have no version; name it in `model` if the server needs it',
    );
  }
  for (const key of ['model', 'version'] as const) {
    const name = backend[key];
    if (name !== undefined && !isSafeName(name)) {
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

function checkEndpoints({ endpoints }: BackendFile, path: string, sink: ProblemSink): void {
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
