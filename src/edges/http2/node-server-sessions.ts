import type { Http2Server, ServerHttp2Session, ServerOptions } from 'node:http2';

import { ConnectionWatch, type WatchedConnection } from './connection-watch.ts';

export interface StreamLimits {
  /** Streams at once on one connection. */
  readonly maxStreams: number;
  readonly maxHeaderBytes: number;
}

const WINDOW_BYTES = 1 << 20;
/** Of one connection, so that a few streams that nobody reads do not hold up the others. */
const CONNECTION_WINDOW_BYTES = 16 << 20;

/**
 * What a server of node:http2 takes from one connection. Resets and settings are limited because a client can send them
 * faster than the work that they cause is done (CVE-2023-44487, CVE-2019-9515); calls with short deadlines are many in a
 * short time as well, so the limits are far above those.
 */
export function serverOptions({ maxStreams, maxHeaderBytes }: StreamLimits): ServerOptions {
  return {
    settings: {
      maxConcurrentStreams: maxStreams,
      initialWindowSize: WINDOW_BYTES,
      maxHeaderListSize: maxHeaderBytes,
      enablePush: false,
    },
    maxHeaderListPairs: 2000,
    // Megabytes of frames that wait in either direction.
    maxSessionMemory: 256,
    maxSettings: 32,
    maxSessionInvalidFrames: 100,
    maxSessionRejectedStreams: 1000,
    streamResetBurst: 5000,
    streamResetRate: 1000,
    // One field that a client sends twice is the model server's to judge.
    strictSingleValueFields: false,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Options that the types do not have yet.
  } as ServerOptions;
}

/** Watches over the connections of servers of node:http2. */
export class ServerSessions extends ConnectionWatch {
  watch(server: Http2Server): void {
    server.on('session', (session) => {
      const connection = new NodeConnection(session);
      this.add(connection);
      session.once('close', () => this.remove(connection));
    });
    // A connection that breaks is no error of the server.
    server.on('sessionError', () => {});
  }
}

/** A session of node:http2, which has its own limits beside those that all connections have. */
class NodeConnection implements WatchedConnection {
  hasBegun = false;
  readonly #session: ServerHttp2Session;
  #streams = 0;

  constructor(session: ServerHttp2Session) {
    this.#session = session;
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    session.once('remoteSettings', () => (this.hasBegun = true));
    session.on('stream', (stream) => {
      this.#streams++;
      stream.once('close', () => this.#streams--);
    });
  }

  get isIdle(): boolean {
    return this.#streams === 0;
  }

  get bytesRead(): number {
    return this.#session.destroyed ? 0 : this.#session.socket.bytesRead;
  }

  ping(): boolean {
    return !this.#session.destroyed && this.#session.ping(() => {});
  }

  close(): void {
    this.#session.close();
  }

  destroy(): void {
    this.#session.destroy();
  }

  look(): void {}
}
