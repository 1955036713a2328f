import { Buffer } from 'node:buffer';
import { Duplex } from 'node:stream';

import { Client, type Dispatcher } from 'undici';

/** What undici made of the bytes of an answer. */
export interface UndiciReading {
  /** Complete when all but the last byte had come. */
  readonly wasEarly: boolean;
  readonly isComplete: boolean;
  /** Whether undici would use the connection again. */
  readonly keeps: boolean;
  readonly status: number;
  readonly rawHeaders: string[];
  readonly body: string;
  readonly error: string;
}

/** The server's end of a connection that undici takes for a socket. */
class Wire extends Duplex {
  isAsked = false;
  override _read(): void {}
  override _write(_chunk: Buffer, _encoding: string, callback: () => void): void {
    this.isAsked = true;
    callback();
  }
}

const TURNS_MAX = 10_000;

/** Lets undici work until it holds. */
async function untilTrue(what: string, holds: () => boolean): Promise<void> {
  for (let turns = 0; !holds(); turns++) {
    if (turns > TURNS_MAX) throw new Error(`undici has not ${what}`);
    await turn();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Reads answers by undici as it is, its connections replaced by streams in this process. */
export class UndiciReader {
  #wire: Wire | null = null;
  readonly #client = new Client('http://wire.test', {
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: (_options, callback) => {
      const wire = new Wire({ allowHalfOpen: false });
      this.#wire = wire;
      // undici asks for nothing but a stream; its types ask for a socket. It does not take one at once.
      queueMicrotask(() => callback(null, wire as never));
    },
  });

  /** The last byte comes apart from the others. `closes`: then the connection is closed. */
  async read(bytes: Buffer, method: string, closes: boolean): Promise<UndiciReading> {
    const heard = new Heard();
    if (this.#wire !== null) this.#wire.isAsked = false;
    this.#client.dispatch({ method: method as Dispatcher.HttpMethod, path: '/', body: null }, heard);
    await untilTrue('sent the request', () => this.#wire?.isAsked === true);
    const wire = this.#wire!;
    wire.push(bytes.subarray(0, -1));
    await turn();
    const wasEarly = heard.isComplete;
    wire.push(bytes.subarray(-1));
    await turn();
    if (closes && !wire.destroyed) {
      wire.push(null);
      await untilTrue('closed', () => wire.closed);
    }
    if (!heard.isOver) heard.error = 'incomplete';
    const { isComplete, status, rawHeaders, error } = heard;
    const body = Buffer.concat(heard.chunks).toString('latin1');
    const keeps = !wire.destroyed;
    // What is left of a call that did not end must not reach the next.
    if (!heard.isOver) wire.destroy();
    if (wire.destroyed) await untilTrue('closed', () => wire.closed);
    return { wasEarly, isComplete, keeps, status, rawHeaders, body, error };
  }

  async close(): Promise<void> {
    await this.#client.destroy();
  }
}

class Heard implements Dispatcher.DispatchHandler {
  isComplete = false;
  isOver = false;
  status = 0;
  rawHeaders: string[] = [];
  error = '';
  readonly chunks: Buffer[] = [];

  onRequestStart(): void {}
  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (status < 200) return;
    this.status = status;
    const raw = controller.rawHeaders ?? [];
    // undici leaves the blanks after a value on it.
    for (const part of raw as Buffer[]) this.rawHeaders.push(part.toString('latin1').replace(/[\t ]+$/, ''));
  }
  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.chunks.push(Buffer.from(chunk));
  }
  onResponseEnd(): void {
    this.isComplete = true;
    this.isOver = true;
  }
  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.error = `${(error as NodeJS.ErrnoException).code ?? ''} ${error.message}`;
    this.isOver = true;
  }
}
