import { availableParallelism } from 'node:os';

import { defaults } from '../config/defaults.ts';
import type { ConfigFile } from '../config/schema/root.ts';
import { parseDuration, parseShare, parseSize } from '../config/units.ts';
import type { LogLevel } from '../edges/log/logger.ts';
import type { TracingSettings } from '../edges/telemetry/tracer.ts';

/** What the process itself needs from the configuration; unlike the snapshot it is read once, at the start. */
export interface Settings {
  /** Threads that serve; 1: the main thread serves alone. */
  readonly workers: number;
  readonly http: {
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
  readonly admin: { readonly host: string; readonly port: number; readonly token: string | null };
  readonly drainMs: number;
  readonly logLevel: LogLevel;
  readonly tracing: TracingSettings | null;
  readonly rewardSecret: string | null;
  readonly maxBatch: number;
}

export function readSettings(config: ConfigFile): Settings {
  const http = { ...defaults.listen.http, ...config.listen?.http };
  const admin = { ...defaults.listen.admin, ...config.listen?.admin };
  const workers = config.workers ?? defaults.workers;
  return {
    workers: workers === 'auto' ? availableParallelism() : workers,
    http: {
      host: http.host,
      port: http.port,
      prefix: http.prefix,
      headerTimeoutMs: parseDuration(http.headerTimeout),
      requestTimeoutMs: parseDuration(http.requestTimeout),
      keepAliveMs: parseDuration(http.keepAliveTimeout),
      express: http.express,
      maxHeaderBytes: parseSize(config.limits?.header ?? defaults.limits.header),
    },
    admin: { host: admin.host, port: admin.port, token: config.listen?.admin?.token ?? null },
    drainMs: parseDuration(config.limits?.drain ?? defaults.limits.drain),
    logLevel: (config.log?.level ?? defaults.log.level) as LogLevel,
    tracing: tracingSettings(config.tracing),
    rewardSecret: config.rewards?.secret ?? null,
    maxBatch: config.rewards?.maxBatch ?? defaults.rewards.maxBatch,
  };
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

/** Parts of the configuration that take effect only at the start; a reload that changes them says so. */
const FIXED = ['listen', 'workers', 'state', 'rewards', 'tracing'] as const;

/** The names of the parts that differ and need a restart. */
export function needRestart(before: ConfigFile, after: ConfigFile): string[] {
  const changed: string[] = FIXED.filter((part) => JSON.stringify(before[part]) !== JSON.stringify(after[part]));
  if (before.limits?.header !== after.limits?.header) changed.push('limits.header');
  if (before.limits?.drain !== after.limits?.drain) changed.push('limits.drain');
  return changed;
}
