import { Readable } from 'node:stream';

import type { Dispatcher, Pool } from 'undici';

import type { AnswerReceiver, HeaderList, UpstreamCall, UpstreamRequest } from '../../gateway/ports.ts';
import { upstreamError } from './upstream-error.ts';

/** One request at undici: its dispatch handler, and the handle by which the gateway stops or resumes it. */
export class UndiciCall implements UpstreamCall, Dispatcher.DispatchHandler {
  readonly #receiver: AnswerReceiver;
  #controller: Dispatcher.DispatchController | null = null;
  #isOver = false;
  #isStarted = false;

  constructor(receiver: AnswerReceiver) {
    this.#receiver = receiver;
  }

  dispatch(pool: Pool, request: UpstreamRequest): void {
    const { body, headers } = request;
    const isStream = body !== null && 'kind' in body;
    if (isStream && body.length !== null) headers.push('content-length', String(body.length));
    pool.dispatch(
      {
        method: request.method as Dispatcher.HttpMethod,
        path: request.path,
        headers,
        body: isStream ? Readable.from(body.source, { objectMode: false }) : body,
      },
      this,
    );
  }

  abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#controller?.abort(ABORTED);
  }

  resume(): void {
    if (!this.#isOver && this.#controller?.paused === true) this.#controller.resume();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    this.#isStarted = true;
    if (this.#isOver) controller.abort(ABORTED);
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (this.#isOver || status < 200) return;
    this.#receiver.onHead(status, headerList(controller.rawHeaders));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isOver) return;
    if (!this.#receiver.onData(chunk)) controller.pause();
  }

  onResponseEnd(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#receiver.onEnd();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#receiver.onError(upstreamError(error, this.#isStarted), this.#isStarted);
  }
}

/** Shared: making an error on each abort costs a stack. */
const ABORTED = new Error('aborted by the gateway');

/** Header bytes are latin1 text (RFC 9110 5.5), as node:http writes them back. */
function headerList(raw: Dispatcher.DispatchController['rawHeaders']): HeaderList {
  const list: HeaderList = [];
  if (!Array.isArray(raw)) return list;
  for (const part of raw) list.push(typeof part === 'string' ? part : part.toString('latin1'));
  return list;
}
