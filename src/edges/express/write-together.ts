import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';

/** Longer messages are not worth a copy: their parts are written side by side. What one read brings is not longer. */
const TOGETHER_MAX = 256 * 1024;

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
  if (socket.writableLength > 0) shared = leaveTo(socket);
  return isFlowing;
}

/** Buffers from which something is still to be written, and where to: to make one costs more than to fill it. */
const busy: { buffer: Buffer<ArrayBuffer>; socket: Socket }[] = [];
const BUSY_MAX = 32;

/** Leaves the shared buffer to a socket that waits for the kernel, for one that nobody waits for any more. */
function leaveTo(socket: Socket): Buffer<ArrayBuffer> {
  const left = { buffer: shared, socket };
  const index = busy.findIndex(isDone);
  if (index === -1) {
    if (busy.length < BUSY_MAX) busy.push(left);
    return Buffer.allocUnsafeSlow(TOGETHER_MAX);
  }
  const { buffer } = busy[index]!;
  busy[index] = left;
  return buffer;
}

function isDone({ socket }: { readonly socket: Socket }): boolean {
  return socket.writableLength === 0 || socket.destroyed;
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
