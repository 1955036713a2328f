import type { Backend, ConnectionSettings, Endpoint, TlsSettings } from '../../core/snapshot.ts';
import { isGrpc } from '../../protocol/protocols.ts';
import { defaults } from '../defaults.ts';
import { joinPath, type ProblemSink } from '../problem.ts';
import type { ConfigFile } from '../schema/root.ts';
import { parseDuration, parseSize } from '../units.ts';

type BackendConfig = ConfigFile['backends'][string];

/** Compiles one backend; null when the check refuses it. */
export function compileBackend(
  index: number,
  name: string,
  config: BackendConfig,
  path: string,
  problems: ProblemSink,
): Backend | null {
  const { protocol } = config;
  const connection: ConnectionSettings = {
    connectTimeoutMs: parseDuration(config.connectTimeout ?? defaults.backend.connectTimeout),
    keepAliveMs: parseDuration(config.keepAlive ?? defaults.backend.keepAlive),
    connections: config.connections ?? defaults.backend.connections,
    queue: config.queue ?? defaults.backend.queue,
    maxAnswerBytes: parseSize(config.maxAnswer ?? defaults.backend.maxAnswer),
    tls: compileTls(config.tls),
  };
  const endpoints = compileEndpoints(config.endpoints, connection, isGrpc(protocol));
  if (endpoints === null) return null;
  return {
    index,
    name,
    protocol,
    endpoints,
    model: config.model ?? null,
    version: config.version ?? null,
    timeoutMs: parseDuration(config.timeout ?? defaults.backend.timeout),
    headers: compileHeaders(config.headers ?? {}, joinPath(path, 'headers'), problems),
    connection,
    translation: {
      ...defaults.translation,
      ...config.translation,
      datatypes: new Map(Object.entries(config.translation?.datatypes ?? {})),
    },
  };
}

/** One endpoint for each different address, or null when one is none. */
function compileEndpoints(
  addresses: readonly string[],
  connection: ConnectionSettings,
  isGrpc: boolean,
): Endpoint[] | null {
  const endpoints = new Map<string, Endpoint>();
  for (const address of addresses) {
    if (!URL.canParse(address)) return null;
    const { origin, pathname } = new URL(address);
    const prefix = pathname.replace(/\/+$/, '');
    // The id names all that a pool is made of, so that a reload which changes nothing here keeps the connections.
    const id = `${isGrpc ? 'grpc ' : ''}${origin}${prefix} ${JSON.stringify(connection)}`;
    endpoints.set(id, { origin, prefix, id, isGrpc });
  }
  return [...endpoints.values()];
}

function compileTls(config: BackendConfig['tls']): TlsSettings | null {
  if (config === undefined) return null;
  const { ca = null, cert = null, key = null, serverName = null } = config;
  return { ca, cert, key, serverName };
}

function compileHeaders(
  config: Readonly<Record<string, string>>,
  path: string,
  problems: ProblemSink,
): [string, string][] {
  return Object.entries(config).map(([name, value]) => {
    // Only visible text may reach the wire, RFC 9110 5.5. The value may come from a secret, so it is not shown.
    if (!/^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(value)) {
      problems.error(joinPath(path, name), 'the value holds characters that a header cannot have');
    }
    return [name.toLowerCase(), value];
  });
}
