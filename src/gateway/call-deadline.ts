import type { Backend } from '../core/snapshot.ts';
import { readGrpcTimeout } from '../protocol/grpc/status.ts';
import type { Exchange } from './exchange.ts';

/**
 * Milliseconds that are left for the whole answer: of the rule's timeout, else the backend's; and no more than a gRPC
 * client still waits. May be negative.
 */
export function timeLeftMs({ facts, record, call }: Exchange, backend: Backend, nowMs: number): number {
  const spentMs = nowMs - record.startMs;
  const ruleMs = record.rule?.timeoutMs ?? null;
  const ownMs = ruleMs === null ? backend.timeoutMs : ruleMs - spentMs;
  if (call === null) return ownMs;
  const clientMs = readGrpcTimeout(facts.header('grpc-timeout') ?? '');
  return clientMs === null ? ownMs : Math.min(ownMs, clientMs - spentMs);
}
