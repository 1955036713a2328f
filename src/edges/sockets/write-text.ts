import type { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';

import { type Handle, handleOf, type SocketWithHandle, type WriteRequest } from './handle.ts';

/** Node tries to write texts up to this length at once, from its stack. */
const AT_ONCE_MAX = 16 * 1024;
/** The async id of a request that was not needed. */
const NOT_USED = -1;

/** Its class, known from a write of Node's own; null before that. */
let RequestClass: (new () => WriteRequest) | null = null;
/** As a rule the kernel takes all of a text at once, and this is for the next one. */
let spare: WriteRequest | null = null;

/**
 * Writes Latin-1 text, as `socket.write` does and with its result, but right to the handle when nothing waits before it:
 * a stream makes a request, a callback and a tick for each write, nearly always for something that is over already.
 */
export function writeText(socket: Socket, text: string): boolean {
  const handle = isReady(socket, text) ? handleOf(socket) : null;
  if (handle === null) return socket.write(text, 'latin1');
  if (RequestClass === null) {
    learnFrom(handle);
    return socket.write(text, 'latin1');
  }
  spare ??= new RequestClass();
  const status = handle.writeLatin1String(spare, text);
  if (status !== 0) {
    // It may have been begun to be used.
    spare = null;
    socket.destroy(failure(status));
    return false;
  }
  return spare.getAsyncId() === NOT_USED || waitFor(socket, text);
}

function isReady(socket: Socket, text: string): boolean {
  return text.length <= AT_ONCE_MAX && socket.writableLength === 0 && socket.writable && !socket.connecting;
}

/** Looks at the next write that Node makes. */
function learnFrom(handle: Handle): void {
  handle.writeLatin1String = (request, text) => {
    // What it was before is in the prototype.
    Reflect.deleteProperty(handle, 'writeLatin1String');
    RequestClass = request.constructor as new () => WriteRequest;
    return handle.writeLatin1String(request, text);
  };
}

/** Makes the stream wait for the write that was just made, as if it had made it. */
function waitFor(socket: Socket, text: string): boolean {
  const request = spare!;
  spare = null;
  const stream = socket as unknown as SocketWithHandle;
  stream._write = (_chunk, _encoding, callback) => {
    // A socket that was destroyed has said why.
    request.oncomplete = (status) => (status === 0 || socket.destroyed ? callback() : callback(failure(status)));
  };
  const isFlowing = socket.write(text, 'latin1');
  // What it was before is in the prototype.
  Reflect.deleteProperty(stream, '_write');
  return isFlowing;
}

function failure(status: number): Error {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`write ${code}`), { code, errno: status, syscall: 'write' });
}
