import type { Server, Socket } from 'node:net';

/** What is used of the object behind a socket, which Node does not document. */
export interface Handle {
  reading: boolean;
  readStop(): number;
  useUserBuffer?(buffer: Uint8Array): void;
  /** Returns 0 or a negative error number of libuv. `request` is used only when the kernel does not take all at once. */
  writeLatin1String(request: WriteRequest, text: string): number;
}

/** What Node wants with each write. */
export interface WriteRequest {
  oncomplete: (status: number) => void;
  /** -1 unless the write goes on after the call. */
  getAsyncId(): number;
}

/** The parts of a socket that Node does not document. */
export interface SocketWithHandle extends Omit<Socket, 'readableFlowing' | '_write'> {
  _handle?: Handle | null;
  /** The server that counts this connection. */
  _server?: Server | null;
  _write?: (chunk: unknown, encoding: string, callback: (error?: Error) => void) => void;
  readableFlowing: boolean | null;
}

/** The handle of a socket; null when it has none that is used here. */
export function handleOf(socket: Socket): Handle | null {
  const handle = (socket as unknown as SocketWithHandle)._handle;
  return handle !== undefined && handle !== null && typeof handle.useUserBuffer === 'function' ? handle : null;
}
