import type { Buffer } from 'node:buffer';

import type { GrpcMethod } from '../protocol/grpc/methods.ts';
import type { InferencePath } from '../protocol/paths/inference-path.ts';
import type { RequestFacts } from './facts.ts';
import type { Live } from './live.ts';
import type { MirrorTicket } from './mirror.ts';
import type { BodyStream, Reply, RequestHeaders, RequestTrace } from './ports.ts';
import type { DecisionRecord } from './record.ts';
import type { RequestFeatures } from './request-features.ts';

/** What a gRPC call is beside its facts. */
export interface GrpcCall {
  readonly method: GrpcMethod;
  /** The message as the exchange got it, and the same as it came with its prefix, perhaps compressed. */
  readonly message: Buffer | null;
  readonly framed: Buffer | null;
}

/** One request under way: what a lane hands to the gateway, and what it collects on its way. */
export interface Exchange {
  readonly live: Live;
  readonly facts: RequestFacts;
  /** What the path asks for; null for gRPC. */
  readonly meaning: InferencePath | null;
  /** Null for all that is not gRPC. */
  readonly call: GrpcCall | null;
  readonly headers: RequestHeaders;
  readonly reply: Reply;
  readonly record: DecisionRecord;
  readonly trace: RequestTrace | null;
  /** As the client sent it. */
  body: Buffer | BodyStream | null;
  /** What goes into the body for a backend; null for nothing. */
  features: RequestFeatures | null;
  /** The copies for shadows, when there are any. */
  ticket: MirrorTicket | null;
  /** Set once the exchange reached its terminal state. */
  isFinished: boolean;
  /** What to stop when the client goes away. */
  onAbort: { abort(): void } | null;
}

/**
 * Whether nobody uses the request's body any more, asked when the answer is complete: no shadow gets it, and the one
 * attempt was on a plain connection, which is closed when there is an answer before the whole request was written.
 */
export function isBodyFree({ ticket, record }: Exchange): boolean {
  const [attempt] = record.attempts;
  const isPlain = attempt !== undefined && attempt.endpoint.origin.startsWith('http:');
  return ticket === null && record.error === null && record.attempts.length === 1 && isPlain;
}

/** Whether the body is whole in memory. */
export function isWhole(body: Buffer | BodyStream | null): body is Buffer | null {
  return body === null || !('kind' in body);
}
