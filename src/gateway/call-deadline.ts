import type { Backend } from '../core/snapshot.ts';
import { readGrpcTimeout } from '../protocol/grpc/status.ts';
import type { Exchange } from './exchange.ts';

/**
 * Milliseconds that the rule's timeout, else the backend's, leaves for a request that goes out now. May be negative.
 */
export function ownTimeMs({ record }: Exchange, backend: Backend, nowMs: number): number {
  const ruleMs = record.rule?.timeoutMs ?? null;
  return ruleMs === null ? backend.timeoutMs : ruleMs - (nowMs - record.startMs);
}

/** How long a stream may be silent, milliseconds. */
export function silenceMs({ record }: Exchange, backend: Backend): number {
  return record.rule?.timeoutMs ?? backend.timeoutMs;
}

/** Milliseconds that a client of gRPC still waits, may be negative; Infinity when it did not say. */
export function clientTimeMs({ facts, record, call }: Exchange, nowMs: number): number {
  if (call === null) return Infinity;
  const clientMs = readGrpcTimeout(facts.header('grpc-timeout') ?? '');
  return clientMs === null ? Infinity : clientMs - (nowMs - record.startMs);
}
