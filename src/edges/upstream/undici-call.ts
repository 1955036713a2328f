import { Readable } from 'node:stream';

import type { Dispatcher, Pool } from 'undici';

import { GatewayError } from '../../core/errors.ts';
import type { AnswerHead, AnswerReceiver, BodyStream, UpstreamCall, UpstreamRequest } from '../../gateway/ports.ts';
import { findHeader, headerList, type HeaderBlock } from '../../protocol/header-block.ts';
import { answerFields } from '../../protocol/header-crossing.ts';
import { isBadForm, upstreamError } from './upstream-error.ts';

/** One request at undici: its dispatch handler, and the handle by which the gateway stops or resumes it. */
export class UndiciCall implements UpstreamCall, Dispatcher.DispatchHandler {
  readonly #receiver: AnswerReceiver;
  readonly #request: UpstreamRequest;
  readonly #line: WaitingLine;
  #controller: Dispatcher.DispatchController | null = null;
  #isOver = false;
  #isStarted = false;
  #hasLeft = false;

  constructor(request: UpstreamRequest, receiver: AnswerReceiver, line: WaitingLine) {
    this.#request = request;
    this.#receiver = receiver;
    this.#line = line;
  }

  dispatch(pool: Pool): void {
    const { method, path, headers, body } = this.#request;
    const isStream = body !== null && 'kind' in body;
    pool.dispatch(
      {
        method: method as Dispatcher.HttpMethod,
        path,
        headers: headerList(
          isStream && body.length !== null ? `${headers}content-length: ${body.length}\r\n` : headers,
        ),
        body: isStream ? readableOf(body) : body,
      },
      this,
    );
  }

  abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (!this.#line.leave(this)) this.#controller?.abort(ABORTED);
  }

  resume(): void {
    if (!this.#isOver && this.#controller?.paused === true) this.#controller.resume();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Thrown, not aborted: that would close the connection, to which nothing was written yet.
    if (this.#isOver) throw ABORTED;
    this.#controller = controller;
    this.#isStarted = true;
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (this.#isOver || status < 200) return;
    const head = answerHead(status, controller.rawHeaders, this.#request.method === 'HEAD');
    if (head !== null) {
      this.#receiver.onHead(head);
      return;
    }
    this.#isOver = true;
    controller.abort(ABORTED);
    this.#receiver.onError(new GatewayError('UPSTREAM_BAD_RESPONSE', undefined, 'a bad field'), 'sent');
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isOver) return;
    if (!this.#receiver.onData(chunk)) controller.pause();
  }

  onResponseEnd(): void {
    this.#leaveConnection();
    if (this.#isOver) return;
    this.#isOver = true;
    this.#receiver.onEnd();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (!this.#isStarted && isBadForm(error)) this.#line.renew();
    this.#leaveConnection();
    if (this.#isOver) return;
    this.#isOver = true;
    // undici does not tell whether the connection was a kept one, so no call is known to be stale.
    this.#receiver.onError(upstreamError(error, this.#isStarted), this.#isStarted ? 'sent' : 'unsent');
  }

  /** The line counts its calls, so each may end but once. */
  #leaveConnection(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#line.end();
  }
}

/** Where calls wait until an endpoint has a connection for them. */
export interface WaitingLine {
  /** Takes a call out; false: it is not waiting any more. */
  leave(call: UndiciCall): boolean;
  /** The connection of a call is free, or gone. */
  end(): void;
  /** undici refused the form of a request. */
  renew(): void;
}

/** A stream of its own for each attempt; the source begins to be read when the request is on a connection. */
function readableOf(body: BodyStream): Readable {
  const readable = Readable.from(body.source, { objectMode: false });
  // Errors reach the gateway by the request; undici stops listening once that has ended.
  readable.on('error', () => {});
  return readable;
}

/** Shared: making an error on each abort costs a stack. */
const ABORTED = new Error('aborted by the gateway');

/** null: it cannot be written down again. Header bytes are Latin-1 text, RFC 9110 5.5. */
function answerHead(
  status: number,
  raw: Dispatcher.DispatchController['rawHeaders'],
  isHeadRequest: boolean,
): AnswerHead | null {
  const list: string[] = [];
  if (Array.isArray(raw)) for (const part of raw) list.push(typeof part === 'string' ? part : part.toString('latin1'));
  try {
    const headers = answerFields(list);
    return { status, headers, length: bodyLength(status, headers, isHeadRequest) };
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

/** Octets of the body, -1 when the endpoint does not say; undici holds it against what comes. */
function bodyLength(status: number, headers: HeaderBlock, isHeadRequest: boolean): number {
  if (isHeadRequest || status === 204 || status === 304) return 0;
  const length = findHeader(headers, 'content-length');
  return length === undefined ? -1 : Number(length);
}
