import { availableParallelism } from 'node:os';

import { defaults } from '../config/defaults.ts';
import type { ConfigFile } from '../config/schema/root.ts';
import { parseDuration, parseShare, parseSize } from '../config/units.ts';
import type { LogLevel } from '../edges/log/logger.ts';
import type { TracingSettings } from '../edges/telemetry/tracer.ts';
import type { DataPorts } from './data-plane.ts';

/** What the process itself needs from the configuration; unlike the snapshot it is read once, at the start. */
export interface Settings {
  /** Threads that serve; 1: the main thread serves alone. */
  readonly workers: number;
  readonly http: {
    /** Null for none. */
    readonly tls: TlsFiles | null;
    readonly host: string;
    readonly port: number;
    readonly prefix: string;
    readonly headerTimeoutMs: number;
    readonly requestTimeoutMs: number;
    readonly keepAliveMs: number;
    readonly maxHeaderBytes: number;
    /** Whether there is an express lane. */
    readonly express: boolean;
  };
  /** Null: no listener. */
  readonly grpc: GrpcSettings | null;
  readonly admin: { readonly host: string; readonly port: number; readonly token: string | null };
  readonly drainMs: number;
  readonly logLevel: LogLevel;
  readonly tracing: TracingSettings | null;
  readonly rewardSecret: string | null;
  readonly maxBatch: number;
}

export interface GrpcSettings {
  readonly host: string;
  readonly port: number;
  readonly tls: TlsFiles | null;
  readonly maxStreams: number;
  readonly services: readonly string[];
  /** Silence after which a client is asked whether it is still there. */
  readonly keepAliveMs: number;
  /** 0: no limit. */
  readonly maxConnectionAgeMs: number;
  /** Whether connections without TLS, of clients and to model servers, are plain sockets. */
  readonly express: boolean;
}

/** File names. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  /** Null: clients show no certificate. */
  readonly clientCa: string | null;
}

export function readSettings(config: ConfigFile): Settings {
  const http = { ...defaults.listen.http, ...config.listen?.http };
  const admin = { ...defaults.listen.admin, ...config.listen?.admin };
  const workers = config.workers ?? defaults.workers;
  return {
    workers: workers === 'auto' ? availableParallelism() : workers,
    http: {
      tls: tlsFiles(config.listen?.http?.tls),
      host: http.host,
      port: http.port,
      prefix: http.prefix,
      headerTimeoutMs: parseDuration(http.headerTimeout),
      requestTimeoutMs: parseDuration(http.requestTimeout),
      keepAliveMs: parseDuration(http.keepAliveTimeout),
      express: http.express,
      maxHeaderBytes: parseSize(config.limits?.header ?? defaults.limits.header),
    },
    grpc: grpcSettings(config.listen?.grpc),
    admin: { host: admin.host, port: admin.port, token: config.listen?.admin?.token ?? null },
    drainMs: parseDuration(config.limits?.drain ?? defaults.limits.drain),
    logLevel: (config.log?.level ?? defaults.log.level) as LogLevel,
    tracing: tracingSettings(config.tracing),
    rewardSecret: config.rewards?.secret ?? null,
    maxBatch: config.rewards?.maxBatch ?? defaults.rewards.maxBatch,
  };
}

function grpcSettings(config: NonNullable<ConfigFile['listen']>['grpc']): GrpcSettings | null {
  if (config === undefined) return null;
  const grpc = { ...defaults.listen.grpc, ...config };
  return {
    host: grpc.host,
    port: grpc.port,
    tls: tlsFiles(config.tls),
    maxStreams: grpc.maxStreams,
    services: config.services ?? [],
    keepAliveMs: parseDuration(grpc.keepAlive),
    maxConnectionAgeMs: parseDuration(grpc.maxConnectionAge),
    express: grpc.express,
  };
}

function tlsFiles(tls: NonNullable<NonNullable<ConfigFile['listen']>['http']>['tls']): TlsFiles | null {
  return tls === undefined ? null : { cert: tls.cert, key: tls.key, clientCa: tls.clientCa ?? null };
}

function tracingSettings(tracing: ConfigFile['tracing']): TracingSettings | null {
  if (tracing === undefined) return null;
  return {
    endpoint: tracing.endpoint,
    sample: parseShare(tracing.sample ?? defaults.tracing.sample),
    name: tracing.name ?? defaults.tracing.name,
    headers: tracing.headers ?? {},
  };
}

/** Of the data listeners. */
export function portsOf({ http, grpc }: Settings): DataPorts {
  return { http: http.port, grpc: grpc?.port ?? 0 };
}

/** Parts of the configuration that take effect only at the start; a reload that changes them says so. */
const FIXED = ['listen', 'workers', 'state', 'rewards', 'tracing'] as const;

/** The names of the parts that differ and need a restart. */
export function needRestart(before: ConfigFile, after: ConfigFile): string[] {
  const changed: string[] = FIXED.filter((part) => fixedText(before, part) !== fixedText(after, part));
  if (before.limits?.header !== after.limits?.header) changed.push('limits.header');
  if (before.limits?.drain !== after.limits?.drain) changed.push('limits.drain');
  return changed;
}

/** What cannot change under way; mounts can. */
function fixedText(config: ConfigFile, part: (typeof FIXED)[number]): string {
  const text = JSON.stringify(config[part]);
  if (part !== 'listen' || config.listen?.http?.mounts === undefined) return text;
  return JSON.stringify({ ...config.listen, http: { ...config.listen.http, mounts: undefined } });
}
