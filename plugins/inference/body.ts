import { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';

import { GatewayError } from '../../src/core/errors.ts';
import type { Limits } from '../../src/core/snapshot.ts';
import type { BodyStream } from '../../src/gateway/ports.ts';
import { isHttp2 } from './framing.ts';

export interface BodyReceiver {
  /** Called once before the body is read: a client may wait for that. Not for a body that is refused or empty. */
  onWanted(): void;
  /** Asked once, when the body turns out to be larger than the buffer limit. */
  needsWhole(): boolean;
  onBody(body: Buffer | BodyStream | null): void;
  onError(error: GatewayError): void;
}

/**
 * Receives a request body: small ones whole, larger ones as a stream unless a rule needs them whole, and none beyond
 * the hard limit, whether its length was announced or not.
 */
export function readBody(request: IncomingMessage, limits: Limits, receiver: BodyReceiver): void {
  const announced = announcedLength(request);
  if (announced === 0) {
    request.resume();
    receiver.onBody(null);
    return;
  }
  if (announced !== null && announced > limits.bodyBytes) return receiver.onError(new GatewayError('BODY_TOO_LARGE'));
  receiver.onWanted();
  if (announced !== null && announced > limits.bufferBytes && !receiver.needsWhole()) {
    receiver.onBody({ kind: 'stream', length: announced, source: boundedBody(request, [], limits) });
    return;
  }
  collect(request, limits, receiver, announced);
}

function collect(request: IncomingMessage, limits: Limits, receiver: BodyReceiver, announced: number | null): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // The whole is wanted anyhow when its length was announced and it is still read here.
  let mustBeWhole = announced !== null;
  const stop = (): void => {
    request.off('data', onData);
    request.off('end', onEnd);
    request.off('error', onBroken);
  };
  const onData = (chunk: Buffer): void => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > limits.bodyBytes) {
      stop();
      request.pause();
      receiver.onError(new GatewayError('BODY_TOO_LARGE'));
    } else if (!mustBeWhole && bytes > limits.bufferBytes) {
      mustBeWhole = receiver.needsWhole();
      if (mustBeWhole) return;
      stop();
      request.pause();
      receiver.onBody({ kind: 'stream', length: null, source: boundedBody(request, chunks, limits) });
    }
  };
  const onEnd = (): void => {
    receiver.onBody(bytes === 0 ? null : chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, bytes));
  };
  // The reply hears of the closed connection and ends the exchange.
  const onBroken = (): void => stop();
  request.on('data', onData);
  request.on('end', onEnd);
  request.on('error', onBroken);
}

/**
 * The body as a source that may be opened more than once as long as nothing was read: an attempt that found no connection
 * has read nothing.
 */
function boundedBody(request: IncomingMessage, first: readonly Buffer[], limits: Limits): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => readBounded(request, first, limits.bodyBytes) };
}

async function* readBounded(
  request: IncomingMessage,
  first: readonly Buffer[],
  limitBytes: number,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for (const chunk of first) {
    bytes += chunk.length;
    yield chunk;
  }
  // Who stops reading must not close the client's connection: the answer still goes there.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > limitBytes) throw new GatewayError('BODY_TOO_LARGE');
    yield chunk;
  }
}

/** Null: not known. */
function announcedLength(request: IncomingMessage): number | null {
  const { headers } = request;
  if (headers['transfer-encoding'] !== undefined) return null;
  const length = headers['content-length'];
  if (length !== undefined) return Number(length);
  return isHttp2(request) && !request.readableEnded ? null : 0;
}
