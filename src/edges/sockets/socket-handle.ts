import { Buffer } from 'node:buffer';
import { Socket } from 'node:net';

import { type Handle, handleOf, type SocketWithHandle } from './handle.ts';

export interface BytesReceiver {
  /**
   * The first `length` of these bytes have come; they are the receiver's only until the call returns. false: stop reading
   * until the socket's `resume`.
   */
  onBytes(bytes: Buffer, length: number): boolean;
}

/** One buffer for all connections: what a read brought is used up or copied before the next one. */
const shared = Buffer.allocUnsafeSlow(128 * 1024);

/**
 * Reads from a connection that a server has accepted. A socket that reads into a buffer of ours (`onread`) makes no
 * Buffer, no stream chunk and no event for each read, which is a fifth of the cost of a request that is only passed on;
 * but Node offers it to clients alone. So the accepted socket gives its handle to one that is made with the option, and
 * is thrown away. A socket without such a handle, as tests may emit, is read by its events.
 */
export function takeSocket(accepted: Socket, receiver: BytesReceiver): Socket {
  const handle = handleOf(accepted);
  if (handle === null) {
    accepted.on('data', (chunk: Buffer) => {
      if (!receiver.onBytes(chunk, chunk.length)) accepted.pause();
    });
    return accepted;
  }
  return moveHandle(accepted, handle, (length) => receiver.onBytes(shared, length));
}

/**
 * Gives a connection to a server of node:http as one that was just accepted, with the bytes that were read of it. All that
 * was written on it must have left. The receiver that was given to `takeSocket` must ignore what it still hears.
 */
export function passOn(socket: Socket, bytes: Buffer): Socket {
  const handle = handleOf(socket);
  let next = socket;
  if (handle === null) (socket as unknown as SocketWithHandle).readableFlowing = null;
  else {
    // Node's parser reads from the handle itself; only when it lets go of it, bytes come here.
    next = moveHandle(socket, handle, (length) => next.push(Buffer.from(shared.subarray(0, length))));
  }
  // The bytes may be those of the shared buffer, and wait in the stream for a while.
  if (bytes.length > 0) next.unshift(Buffer.from(bytes));
  return next;
}

/** Another socket on the same handle; the first must not be used any more. */
function moveHandle(from: Socket, handle: Handle, onBytes: (length: number) => boolean): Socket {
  handle.reading = false;
  handle.readStop();
  // As node:http's own server makes them.
  const options = { handle, allowHalfOpen: true, noDelay: true, onread: { buffer: shared, callback: onBytes } };
  const to = new Socket(options as unknown as ConstructorParameters<typeof Socket>[0]);
  const source = from as unknown as SocketWithHandle;
  const next = to as unknown as SocketWithHandle;
  // A server counts a connection as closed when the socket closes that knows it.
  next._server = source._server ?? null;
  source._server = null;
  source._handle = null;
  return to;
}
