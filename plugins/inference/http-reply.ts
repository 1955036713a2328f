import type { IncomingMessage, ServerResponse } from 'node:http';

import type { HeaderList, Reply } from '../../src/gateway/ports.ts';

/** The answer side of the main lane: a node:http response. */
export class HttpReply implements Reply {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.#request = request;
    this.#response = response;
  }

  send(status: number, headers: HeaderList, body: Uint8Array | null): void {
    if (this.#response.headersSent || this.#response.destroyed) return;
    this.#closeUnlessRead(headers);
    this.#response.writeHead(status, headers);
    if (body === null) this.#response.end();
    else this.#response.end(body);
  }

  head(status: number, headers: HeaderList): void {
    this.#closeUnlessRead(headers);
    this.#response.writeHead(status, headers);
    // Without this the head would wait for the first piece of the body, which may be long in coming.
    this.#response.flushHeaders();
  }

  write(chunk: Uint8Array): boolean {
    return this.#response.write(chunk);
  }

  end(): void {
    this.#response.end();
  }

  destroy(): void {
    this.#response.destroy();
  }

  onDrain(callback: () => void): void {
    this.#response.on('drain', callback);
  }

  onClose(callback: () => void): void {
    this.#response.on('close', callback);
  }

  /** What is left of a body that nobody reads must not be taken for the next request, nor be waited for. */
  #closeUnlessRead(headers: HeaderList): void {
    if (!this.#request.complete) headers.push('connection', 'close');
  }
}
