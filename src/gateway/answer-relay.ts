import { Buffer } from 'node:buffer';

import { GatewayError } from '../core/errors.ts';
import { findHeader, setHeader, type HeaderBlock } from '../protocol/header-block.ts';
import { inferenceHeader } from '../protocol/oip-binary.ts';
import { renameAnswer } from '../protocol/rename.ts';
import type { AnswerHead, Reply } from './ports.ts';

/** Answers up to this length that come in one piece are written in one piece. */
const ONE_WRITE_MAX = 64 * 1024;

/** How the model's name in the answer is mapped back. */
export interface NameMapping {
  readonly from: string;
  readonly to: string;
  readonly keys: readonly string[];
}

export interface RelaySettings {
  /** Headers that Makas adds to the answer. */
  readonly added: HeaderBlock;
  readonly mapping: NameMapping | null;
  /** Keep a copy of answers up to this length, for shadows; 0: keep none. */
  readonly keepBytes: number;
  readonly maxAnswerBytes: number;
}

/**
 * Passes one answer from an endpoint to the client: at once as it comes, except small answers, which leave in one
 * write, and answers whose names must be mapped back, which are held until they are whole.
 */
export class AnswerRelay {
  readonly #reply: Reply;
  readonly #settings: RelaySettings;
  status = 0;
  answerBytes = 0;
  isHeadSent = false;
  headers: HeaderBlock = '';
  #length = -1;
  #mode: 'one-write' | 'stream' | 'hold' = 'stream';
  #held: Uint8Array[] = [];
  #kept: Uint8Array[] | null;
  #isKeptWhole = true;

  constructor(reply: Reply, settings: RelaySettings) {
    this.#reply = reply;
    this.#settings = settings;
    this.#kept = settings.keepBytes > 0 ? [] : null;
  }

  onDrain(callback: () => void): void {
    this.#reply.onDrain(callback);
  }

  /** Throws when the answer is larger than allowed. */
  onHead(head: AnswerHead): void {
    const { mapping } = this.#settings;
    this.#take(head);
    this.#length = head.length;
    if (mapping !== null && isMappable(head.status, head.headers)) this.#mode = 'hold';
    else if (this.#length >= 0 && this.#length <= ONE_WRITE_MAX) this.#mode = 'one-write';
    else this.#sendHead();
  }

  /** The whole answer; the bytes of its body are not to be kept. Throws when it is larger than allowed. */
  onWhole(head: AnswerHead, body: Uint8Array): void {
    const { mapping } = this.#settings;
    this.#take(head);
    this.answerBytes = body.length;
    if (this.#isKeeping()) this.#keep(Buffer.from(body));
    const isMapped = mapping !== null && isMappable(head.status, head.headers);
    // Mapping changes the length in the headers.
    const sent = isMapped ? this.#map(asBuffer(body)) : body;
    this.#reply.send(this.status, this.headers, sent);
    this.isHeadSent = true;
  }

  /** The bytes are not to be kept. false: pause until the client has taken what was written. */
  onData(chunk: Uint8Array): boolean {
    this.answerBytes += chunk.length;
    if (this.#mode === 'stream') {
      if (this.#isKeeping()) this.#keep(Buffer.from(chunk));
      return this.#reply.write(chunk);
    }
    const held = Buffer.from(chunk);
    if (this.#isKeeping()) this.#keep(held);
    this.#held.push(held);
    if (this.#mode === 'hold' && this.answerBytes > this.#settings.maxAnswerBytes) this.#mode = 'stream';
    // An answer in pieces is not worth holding: its beginning may be all that the client waits for.
    if (this.#mode === 'one-write' && this.answerBytes < this.#length) this.#mode = 'stream';
    if (this.#mode !== 'stream') return true;
    this.#sendHead();
    let isFlowing = true;
    for (const piece of this.#held) isFlowing = this.#reply.write(piece);
    this.#held = [];
    return isFlowing;
  }

  onEnd(): void {
    if (this.#mode === 'stream') {
      this.#reply.end();
      return;
    }
    let body = joined(this.#held);
    if (this.#mode === 'hold') body = this.#map(body);
    this.#reply.send(this.status, this.headers, body);
    this.isHeadSent = true;
  }

  /** The whole answer when it was kept, else null. */
  keptBody(): Buffer | null {
    return this.#kept !== null && this.#isKeptWhole ? joined(this.#kept) : null;
  }

  #take(head: AnswerHead): void {
    const { added, maxAnswerBytes } = this.#settings;
    this.status = head.status;
    this.headers = head.headers + added;
    if (head.length > maxAnswerBytes) throw new GatewayError('UPSTREAM_BAD_RESPONSE');
  }

  #sendHead(): void {
    this.#mode = 'stream';
    this.#reply.head(this.status, this.headers);
    this.isHeadSent = true;
  }

  #isKeeping(): boolean {
    return this.#kept !== null && this.#isKeptWhole;
  }

  #keep(chunk: Buffer): void {
    this.#isKeptWhole = this.answerBytes <= this.#settings.keepBytes;
    if (this.#isKeptWhole) this.#kept?.push(chunk);
    else this.#kept = [];
  }

  #map(body: Buffer): Buffer {
    const { mapping } = this.#settings;
    if (mapping === null) return body;
    const header = findHeader(this.headers, inferenceHeader);
    const length = header !== undefined && /^[0-9]{1,15}$/.test(header) ? Number(header) : null;
    let answer = { body, inferenceHeaderLength: length };
    for (const key of mapping.keys) {
      answer = renameAnswer(answer.body, answer.inferenceHeaderLength, key, mapping.from, mapping.to);
    }
    if (answer.body !== body) {
      this.headers = setHeader(this.headers, 'content-length', String(answer.body.length));
      if (answer.inferenceHeaderLength !== null)
        this.headers = setHeader(this.headers, inferenceHeader, String(answer.inferenceHeaderLength));
    }
    return answer.body;
  }
}

/** JSON as one document: lines or sequences of JSON are streams, which must not be held. */
const JSON_TYPE = /^\s*application\/(?:[\w.!#$&^+-]+\+)?json\s*(?:;|$)/i;

/** Errors of a model server pass untouched. */
function isMappable(status: number, headers: HeaderBlock): boolean {
  if (status >= 300) return false;
  const encoding = findHeader(headers, 'content-encoding');
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') return false;
  if (findHeader(headers, inferenceHeader) !== undefined) return true;
  return JSON_TYPE.test(findHeader(headers, 'content-type') ?? '');
}

function joined(chunks: readonly Uint8Array[]): Buffer {
  const first = chunks[0];
  if (first === undefined) return Buffer.alloc(0);
  return chunks.length === 1 ? asBuffer(first) : Buffer.concat(chunks);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
