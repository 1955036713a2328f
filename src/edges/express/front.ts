import type { Server } from 'node:http';
import type { Socket } from 'node:net';

import type { Gateway } from '../../gateway/gateway.ts';
import { PathTable } from '../../gateway/path-table.ts';
import { RequestHeadReader } from '../../protocol/http1/request-head.ts';
import { AnswerHeads } from './answer-head.ts';
import { ClientConnection } from './client-connection.ts';
import type { Front, FrontLimits } from './front-request.ts';

export interface ExpressFrontOptions {
  readonly gateway: Gateway;
  /** Path prefix, `''` for none. */
  readonly prefix: string;
  /** Whether the gateway is shutting down: then connections are closed after their answers. */
  readonly isDraining: () => boolean;
  readonly headerTimeoutMs: number;
  /** For the whole of a request. */
  readonly requestTimeoutMs: number;
  readonly keepAliveMs: number;
  readonly maxHeaderBytes: number;
}

/** Heads of more bytes are left to the main lane, whatever it allows: an unfinished one is read again with each piece. */
const HEAD_BYTES_MAX = 16 * 1024;
/** As HttpReply of the main lane. */
const WRITE_LIMIT_MS = 120_000;
const LINGER_MS = 2000;
/** node:http keeps connections longer than it says by this, for requests that are on their way. */
const KEEP_ALIVE_GRACE_MS = 1000;
const TICK_MAX_MS = 1000;
const TICK_MIN_MS = 10;

type ConnectionListener = (socket: Socket) => void;

/** The front of the express lane: gets the connections of an HTTP server before the server does. */
export class ExpressFront implements Front {
  readonly gateway: Gateway;
  readonly paths: PathTable;
  readonly heads = new RequestHeadReader();
  readonly answerHeads: AnswerHeads;
  readonly maxHeadBytes: number;
  readonly limits: FrontLimits;
  tick = 0;
  readonly #isDraining: () => boolean;
  readonly #tickMs: number;
  readonly #connections = new Set<ClientConnection>();
  #server: Server | null = null;
  #mainLane: readonly ConnectionListener[] = [];

  constructor(options: ExpressFrontOptions) {
    const { headerTimeoutMs, requestTimeoutMs, keepAliveMs } = options;
    this.gateway = options.gateway;
    this.paths = new PathTable(options.prefix);
    this.answerHeads = new AnswerHeads(keepAliveMs);
    this.maxHeadBytes = Math.min(options.maxHeaderBytes, HEAD_BYTES_MAX);
    this.#isDraining = options.isDraining;
    const headMs = Math.min(headerTimeoutMs, requestTimeoutMs);
    const idleMs = keepAliveMs + KEEP_ALIVE_GRACE_MS;
    // Fine enough that a limit is not exceeded by more than a quarter.
    this.#tickMs = Math.max(TICK_MIN_MS, Math.min(TICK_MAX_MS, headMs / 4, idleMs / 4));
    const ticks = (ms: number): number => Math.ceil(ms / this.#tickMs);
    this.limits = {
      head: ticks(headMs),
      body: ticks(requestTimeoutMs),
      idle: ticks(idleMs),
      write: ticks(WRITE_LIMIT_MS),
      linger: ticks(LINGER_MS),
    };
  }

  /**
   * Takes the connections that the server accepts from now on. To be called when all that listens for connections does:
   * those listeners hear only of connections that go to the main lane.
   */
  attach(server: Server): void {
    this.#server = server;
    this.#mainLane = server.listeners('connection') as ConnectionListener[];
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => this.#connections.add(new ClientConnection(this, socket)));
    const timer = setInterval(() => this.#checkLimits(), this.#tickMs);
    timer.unref();
    server.once('close', () => clearInterval(timer));
  }

  isDraining(): boolean {
    return this.#isDraining();
  }

  passOn(socket: Socket): void {
    const server = this.#server as Server;
    for (const listener of this.#mainLane) listener.call(server, socket);
  }

  forget(connection: ClientConnection): void {
    this.#connections.delete(connection);
  }

  /** Closes the connections on which nothing is under way. */
  closeIdleConnections(): void {
    for (const connection of this.#connections) connection.closeIfIdle();
  }

  closeAllConnections(): void {
    for (const connection of this.#connections) connection.closeNow();
  }

  #checkLimits(): void {
    this.tick++;
    for (const connection of this.#connections) connection.checkLimits();
  }
}
