import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';

/** Longer messages are not worth a copy: their parts are written side by side. */
const TOGETHER_MAX = 128 * 1024;

/** Where messages are put together. As a rule the kernel takes all of it at once, and the next one can be put there. */
let shared = Buffer.allocUnsafeSlow(TOGETHER_MAX);

/**
 * Writes Latin-1 text, bytes and text again as one message. Whatever has not left when it returns is a copy, so `bytes` may
 * be changed then. The result is that of `socket.write`.
 */
export function writeCopied(socket: Socket, before: string, bytes: Uint8Array, after: string): boolean {
  const length = before.length + bytes.length + after.length;
  if (length > TOGETHER_MAX || socket.writableLength > 0) {
    return writeParts(socket, before, Buffer.from(bytes), after);
  }
  let at = shared.write(before, 0, 'latin1');
  shared.set(bytes, at);
  at += bytes.length;
  if (after !== '') shared.write(after, at, 'latin1');
  const isFlowing = socket.write(shared.subarray(0, length));
  // What is still to be written must stay as it is.
  if (socket.writableLength > 0) shared = Buffer.allocUnsafeSlow(TOGETHER_MAX);
  return isFlowing;
}

/** The same without a copy: `bytes` must stay as they are while `socket.writableLength` > 0. */
export function writeParts(socket: Socket, before: string, bytes: Uint8Array, after: string): boolean {
  if (before === '' && after === '') return socket.write(bytes);
  socket.cork();
  if (before !== '') socket.write(before, 'latin1');
  let isFlowing = socket.write(bytes);
  if (after !== '') isFlowing = socket.write(after, 'latin1');
  socket.uncork();
  return isFlowing;
}

/** Whether `writeCopied` puts a message of so many bytes together in one place. */
export function fitsTogether(length: number): boolean {
  return length <= TOGETHER_MAX;
}
