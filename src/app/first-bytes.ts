import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';

/** How a client begins that speaks HTTP/2 without TLS, RFC 9113 3.4; no request of HTTP/1.1 begins so. */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n');

/**
 * Calls back when the first bytes of a connection tell whether it is one of HTTP/2, with those bytes still to be read.
 * Null: it ended before it said anything, or took too long; the connection is then the caller's to close.
 */
export function readFirstBytes(socket: Socket, timeoutMs: number, onKnown: (isHttp2: boolean | null) => void): void {
  let held = readNow(socket);
  const known = isPreface(held);
  if (known !== null) {
    socket.unshift(held);
    return onKnown(known);
  }
  const end = (isHttp2: boolean | null): void => {
    clearTimeout(timer);
    socket.off('readable', onReadable);
    socket.off('end', onEnd);
    socket.off('close', onGone);
    socket.off('error', onGone);
    if (held.length > 0 && !socket.readableEnded) socket.unshift(held);
    // Only in the next tick the socket knows that nobody waits for it to become readable.
    process.nextTick(() => process.nextTick(onKnown, isHttp2));
  };
  const onReadable = (): void => {
    const more = readNow(socket);
    // The end of what the client sends makes it readable too.
    if (more.length === 0) return;
    held = Buffer.concat([held, more]);
    const now = isPreface(held);
    if (now !== null) end(now);
  };
  const onEnd = (): void => end(null);
  const onGone = (): void => end(null);
  const timer = timeoutMs > 0 ? setTimeout(onGone, timeoutMs).unref() : undefined;
  socket.on('readable', onReadable);
  socket.once('end', onEnd);
  socket.once('close', onGone);
  socket.once('error', onGone);
}

function readNow(socket: Socket): Buffer {
  return socket.readableLength === 0 ? NOTHING : ((socket.read() as Buffer | null) ?? NOTHING);
}

const NOTHING = Buffer.alloc(0);

/** Null: not known yet. */
function isPreface(bytes: Buffer): boolean | null {
  const length = Math.min(bytes.length, PREFACE.length);
  if (bytes.compare(PREFACE, 0, length, 0, length) !== 0) return false;
  return length === PREFACE.length ? true : null;
}
