import type { AddressInfo, Server } from 'node:net';

import type { Gateway } from '../../gateway/gateway.ts';
import { grpcServices } from '../../protocol/grpc/methods.ts';
import type { ConnectionLimits } from '../http2/connection-watch.ts';
import { createSocketServer } from '../http2/server-listener.ts';
import type { Inflate } from './compressed-message.ts';
import type { RewardTaker } from './feedback.ts';
import { Health } from './health.ts';
import { createNodeServer, type FrontTls } from '../http2/node-server.ts';
import { Reflection } from './reflection.ts';
import { type CallSetting, ServerCall } from './server-call.ts';
import { serverMethods } from './server-methods.ts';
import { ServerSessions, type StreamLimits } from '../http2/node-server-sessions.ts';
import type { OnStream } from '../http2/server-side.ts';

export interface GrpcFrontOptions extends StreamLimits, Omit<ConnectionLimits, 'idleMs'> {
  readonly gateway: Gateway;
  /** Takes rewards that come as feedback of Seldon's clients. */
  readonly desk: RewardTaker;
  /** Full names of services of users that pass through. */
  readonly services: readonly string[];
  /** For the whole of a message that decides where its call goes. */
  readonly requestMs: number;
  readonly inflate: Inflate;
  readonly isReady: () => boolean;
  readonly tls: FrontTls | null;
  /** Whether connections without TLS are served on plain sockets, not by node:http2. */
  readonly express: boolean;
}

/** The gRPC listener: HTTP/2 without TLS by prior knowledge, or over TLS by ALPN. */
export class GrpcFront {
  readonly #server: Server;
  readonly #sessions: ServerSessions;
  readonly #health: Health;
  readonly #reflection: Reflection;
  readonly #isTls: boolean;

  constructor(options: GrpcFrontOptions) {
    const { gateway, desk, services, requestMs, inflate, isReady, tls, express } = options;
    const served = [...grpcServices, ...services];
    this.#health = new Health(isReady, served);
    this.#reflection = new Reflection(served);
    this.#isTls = tls !== null;
    const setting: CallSetting = {
      gateway,
      desk,
      services: new Set(services),
      own: new Map([...serverMethods(isReady), ...this.#health.methods, ...this.#reflection.methods]),
      requestMs,
      inflate,
      maxHeaderBytes: options.maxHeaderBytes,
      // node:http2 keeps what it is given until it is written.
      isMessageFree: express,
    };
    const onStream: OnStream = (stream, head, isEnded) => {
      const call = new ServerCall(setting, stream, head);
      stream.listen(call);
      call.begin(isEnded);
    };
    this.#sessions = new ServerSessions({ ...options, idleMs: 0 });
    this.#server =
      express && tls === null
        ? createSocketServer(options, this.#sessions, onStream, (error) => gateway.unexpected(error))
        : createNodeServer(options, this.#sessions, onStream);
  }

  /** Resolves with the address. `reusePort`: other threads listen on the same port. */
  listen(address: { readonly host: string; readonly port: number; readonly reusePort: boolean }): Promise<string> {
    const server = this.#server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(address, () => {
        server.off('error', reject);
        const { address: host, port, family } = server.address() as AddressInfo;
        resolve(`${this.#isTls ? 'https' : 'http'}://${family === 'IPv6' ? `[${host}]` : host}:${port}`);
      });
    });
  }

  /** Takes no more calls; those under way may go on until the limit. */
  async close(limitMs: number): Promise<void> {
    const server = this.#server;
    this.#health.close();
    this.#reflection.close();
    const closed = new Promise<void>((resolve) => {
      if (server.listening) server.close(() => resolve());
      else resolve();
    });
    this.#sessions.drain();
    const cut = setTimeout(() => this.#sessions.destroyAll(), limitMs);
    await closed;
    clearTimeout(cut);
  }
}
