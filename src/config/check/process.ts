import { defaults } from '../defaults.ts';
import { type ProblemSink, showFound } from '../problem.ts';
import type { ConfigFile } from '../schema/root.ts';
import { parseSize } from '../units.ts';
import { checkWait } from './values.ts';

export function checkListen({ listen }: ConfigFile, sink: ProblemSink): void {
  if (listen === undefined) return;
  const { http, grpc, admin } = listen;
  checkWait(http?.headerTimeout, 'listen.http.headerTimeout', sink);
  checkWait(http?.requestTimeout, 'listen.http.requestTimeout', sink);
  checkWait(http?.keepAliveTimeout, 'listen.http.keepAliveTimeout', sink);

  const data = { ...defaults.listen.http, ...http };
  const own = { ...defaults.listen.admin, ...admin };
  if (doMeet(data, own)) {
    const path = admin?.port === undefined ? 'listen.http.port' : 'listen.admin.port';
    sink.error(path, 'the data and the admin listener have the same port', { found: String(own.port) });
  }
  if (grpc !== undefined) {
    const calls = { ...defaults.listen.grpc, ...grpc };
    const found = { found: String(calls.port), hint: 'gRPC needs a port of its own' };
    if (doMeet(calls, data))
      sink.error('listen.grpc.port', 'the listeners for HTTP and gRPC have the same port', found);
    if (doMeet(calls, own))
      sink.error('listen.grpc.port', 'the listeners for gRPC and admin have the same port', found);
  }
  if (admin?.token === undefined && !isLoopback(own.host)) {
    sink.warning('listen.admin', 'the admin API is open to whoever reaches this address', {
      hint: 'set a token, or listen on 127.0.0.1',
    });
  }
}

export function checkLimits({ limits }: ConfigFile, sink: ProblemSink): void {
  if (limits === undefined) return;
  const body = parseSize(limits.body ?? defaults.limits.body);
  const buffer = parseSize(limits.buffer ?? defaults.limits.buffer);
  const header = parseSize(limits.header ?? defaults.limits.header);
  if (limits.buffer !== undefined && buffer > body) {
    sink.warning('limits.buffer', 'larger than `limits.body`, so nothing is streamed');
  }
  if (header < 1024)
    sink.error('limits.header', 'too small', { found: showFound(limits.header), expected: 'at least 1KiB' });
  if (limits.drain !== undefined && limits.drain !== '0s') checkWait(limits.drain, 'limits.drain', sink);
}

export function checkState({ state }: ConfigFile, sink: ProblemSink): void {
  if (state?.kind !== 'redis') return;
  const given = (['url', 'cluster', 'sentinel'] as const).filter((key) => state[key] !== undefined);
  if (given.length !== 1) {
    sink.error('state', 'state in Redis needs exactly one of `url`, `cluster`, `sentinel`', {
      found: given.length === 0 ? 'none' : given.map((key) => `\`${key}\``).join(' and '),
    });
  }
  checkWait(state.timeout, 'state.timeout', sink);
  if (state.url !== undefined) checkRedisAddress(state.url, 'state.url', sink);
  state.cluster?.forEach((node, index) => checkRedisAddress(node, `state.cluster[${index}]`, sink));
  state.sentinel?.nodes.forEach((node, index) => checkRedisAddress(node, `state.sentinel.nodes[${index}]`, sink));
}

/** What was found is not shown: it may hold a password. */
export function checkRedisAddress(url: string, path: string, sink: ProblemSink): void {
  const { protocol, hostname } = URL.parse(url) ?? { protocol: '', hostname: '' };
  if (/^rediss?:$/.test(protocol) && hostname !== '') return;
  sink.error(path, 'not an address of Redis', {
    expected: 'an address such as redis://127.0.0.1:6379, or rediss:// for TLS',
  });
}

interface Place {
  readonly host: string;
  readonly port: number;
}

/** Whether two listeners would listen on the same address. */
function doMeet(one: Place, other: Place): boolean {
  if (one.port === 0 || one.port !== other.port) return false;
  return one.host === other.host || isEveryHost(one.host) || isEveryHost(other.host);
}

function isEveryHost(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}
