import { Buffer } from 'node:buffer';

import { AnswerReader, BAD, COMPLETE, COMPLETE_CLOSE } from '../../../src/edges/express/answer-reader.ts';
import { SocketCall } from '../../../src/edges/express/socket-call.ts';
import type { AnswerHead, AnswerReceiver, UpstreamRequest } from '../../../src/gateway/ports.ts';

/** What became of the bytes of an answer. */
export interface Reading {
  readonly result: 'complete' | 'incomplete' | 'bad';
  /** Complete, and the connection may be used again. */
  readonly keeps: boolean;
  readonly status: number;
  readonly headers: string;
  readonly length: number;
  /** As latin1 text. */
  readonly body: string;
  readonly isWhole: boolean;
  readonly keepAliveSeconds: number;
  readonly problem: string;
}

/** A receiver that keeps what it is told; nothing may be told twice or in a wrong order. */
export class Noting implements AnswerReceiver {
  head: AnswerHead | null = null;
  isWhole = false;
  isEnded = false;
  error = '';
  onPiece: () => boolean = () => true;
  onDone: () => void = () => {};
  readonly #chunks: Buffer[] = [];

  get body(): Buffer {
    return Buffer.concat(this.#chunks);
  }
  get pieces(): number {
    return this.#chunks.length;
  }
  onHead(head: AnswerHead): void {
    if (this.head !== null || this.isEnded) throw new Error('a second head');
    this.head = head;
  }
  onWhole(head: AnswerHead, body: Uint8Array): void {
    this.onHead(head);
    this.#chunks.push(Buffer.from(body));
    this.isWhole = true;
    this.onEnd();
  }
  onData(chunk: Uint8Array): boolean {
    if (this.head === null || this.isEnded || chunk.length === 0) throw new Error('data out of order');
    this.#chunks.push(Buffer.from(chunk));
    return this.onPiece();
  }
  onEnd(): void {
    if (this.head === null || this.isEnded) throw new Error('an end out of order');
    this.isEnded = true;
    this.onDone();
  }
  onError(error: Error & { code: string }, reach: string): void {
    if (this.isEnded || this.error !== '') throw new Error('an error out of order');
    this.error = `${error.code} ${reach}`;
    this.onDone();
  }
}

export function requestOf(method: string): UpstreamRequest {
  return { method, path: '/', headers: '', body: null, isFresh: false };
}

/**
 * Reads bytes that come in pieces: `cuts` are the positions between them, in order. `closes`: the endpoint closes the
 * connection after them.
 */
export function readAnswer(
  bytes: Buffer,
  { method = 'POST', cuts = [], closes = true, maxBytes = 1e6 }: ReadOptions = {},
): Reading {
  const noting = new Noting();
  const reader = new AnswerReader(maxBytes);
  reader.begin(new SocketCall(requestOf(method), noting), method === 'HEAD');
  const scratch = Buffer.alloc(bytes.length + 16, 0x41);
  let result: Reading['result'] = 'incomplete';
  let keeps = false;
  let start = 0;
  for (const end of [...cuts, bytes.length]) {
    if (end === start) continue;
    bytes.copy(scratch, 0, start, end);
    const step = reader.read(scratch, end - start);
    // What is passed on must not depend on bytes that are overwritten by the next read.
    scratch.fill(0x41);
    start = end;
    if (step === BAD) result = 'bad';
    if (step === COMPLETE || step === COMPLETE_CLOSE) {
      result = 'complete';
      keeps = step === COMPLETE;
    }
    if (result !== 'incomplete') break;
  }
  if (result === 'incomplete' && closes && reader.finish()) result = 'complete';
  if ((result === 'complete') !== noting.isEnded) throw new Error('the receiver was told something else');
  const { status = 0, headers = '', length = -1 } = noting.head ?? {};
  const { isWhole } = noting;
  const body = noting.body.toString('latin1');
  const { keepAliveSeconds, problem } = reader;
  return { result, keeps, status, headers, length, body, isWhole, keepAliveSeconds, problem };
}

export interface ReadOptions {
  readonly method?: string;
  readonly cuts?: readonly number[];
  readonly closes?: boolean;
  readonly maxBytes?: number;
}
