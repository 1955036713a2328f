import type { IncomingMessage } from 'node:http';

import { hasBodyLeft } from './framing.ts';

/** Longer bodies are not worth the wait: the connection is closed instead. */
const SMALL_MAX = 64 * 1024;
/** As long as an answer may wait for a body that nobody wants. */
const WAIT_MS = 1000;

/**
 * Calls back once the body of a request that is refused has come and was thrown away, so that its connection can carry
 * another one. At once when there is none, or it is not going to come soon: it is long, or the client waits for a word
 * before it sends it. Not when the client goes away.
 */
export function skipSmallBody(request: IncomingMessage, callback: () => void): void {
  const { expect, 'content-length': length = '0' } = request.headers;
  if (!hasBodyLeft(request) || expect !== undefined || Number(length) > SMALL_MAX) return callback();
  let bytes = 0;
  const onData = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (bytes > SMALL_MAX) finish();
  };
  const stop = (): void => {
    clearTimeout(timer);
    request.off('data', onData);
    request.off('end', finish);
    request.off('close', stop);
  };
  const finish = (): void => {
    stop();
    callback();
  };
  const timer = setTimeout(finish, WAIT_MS).unref();
  request.on('data', onData);
  request.on('end', finish);
  request.on('close', stop);
  request.on('error', () => {});
}
