import { Buffer } from 'node:buffer';

import type { GatewayError } from '../core/errors.ts';
import { errorAnswer, type ErrorContent } from '../protocol/error-answer.ts';
import { findHeader } from '../protocol/header-block.ts';
import { isGrpc } from '../protocol/protocols.ts';
import type { AnswerRelay } from './answer-relay.ts';
import type { Exchange } from './exchange.ts';

/** An error of Makas as clients may see it. */
export function contentOf(error: GatewayError): ErrorContent {
  const { code, status, message, grpc } = error;
  return { code, status, message, grpc };
}

/**
 * Ends an answer whose head has left and that cannot be completed: gRPC has its status at the end, and a stream of events
 * ends with an event that says what happened, as OpenAI and Triton clients read it. Of every other answer the connection
 * is closed, so that the client sees that it is not whole; so it is in the middle of an event, which would be read as if
 * it were whole when another one followed.
 */
export function breakOff({ facts, reply }: Exchange, relay: AnswerRelay, error: GatewayError): void {
  const { headers, body } = errorAnswer(facts.protocol, contentOf(error));
  if (isGrpc(facts.protocol)) return reply.end(`${headers}makas-error: ${error.code}\r\n`);
  const isOpenEnded = findHeader(relay.headers, 'content-length') === undefined;
  if (relay.timing === null || relay.timing.isInEvent || !isOpenEnded || body === null) return reply.destroy();
  reply.write(Buffer.from(`data: ${body.toString('utf8')}\n\n`));
  reply.end();
}
