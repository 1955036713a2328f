import { findHeader, type HeaderBlock } from '../../protocol/header-block.ts';

// An import of node:http reads its every export, WebSocket too, and with that node's own undici: 14 MB for nothing.
const { STATUS_CODES } = process.getBuiltinModule('node:http');

/** How an answer is framed on its connection, where that is no length. */
export const CHUNKED = -1;
/** No body follows, whatever the fields say, RFC 9112 6.3. */
export const NO_BODY = -2;

/** CHUNKED, NO_BODY, or the length that the block announces; NaN when that is no length. */
export function framingOf(status: number, block: HeaderBlock): number {
  if (status === 204 || status === 304 || status < 200) return NO_BODY;
  const length = findHeader(block, 'content-length');
  if (length === undefined) return CHUNKED;
  return /^[0-9]+$/.test(length) ? Number(length) : Number.NaN;
}

const statusLines = new Map<number, string>();

/** Makes the heads of answers as node:http does, so that clients see no difference between the lanes. */
export class AnswerHeads {
  readonly #keepAlive: string;
  #date = '';

  /** `keepAliveMs`: how long a connection is kept without a request; clients are told in seconds. */
  constructor(keepAliveMs: number) {
    this.#keepAlive = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(keepAliveMs / 1000)}\r\n`;
  }

  /** `framing` as `framingOf` gives it; `isLast`: the connection is closed after the answer. */
  make(status: number, block: HeaderBlock, framing: number, isLast: boolean): string {
    const date = findHeader(block, 'date') === undefined ? this.#dateLine() : '';
    const connection = isLast ? 'Connection: close\r\n' : this.#keepAlive;
    const coding = framing === CHUNKED ? 'Transfer-Encoding: chunked\r\n' : '';
    return `${statusLine(status)}${block}${date}${connection}${coding}\r\n`;
  }

  /** Made once in a second, as long as there are answers. */
  #dateLine(): string {
    if (this.#date === '') {
      const now = new Date();
      this.#date = `Date: ${now.toUTCString()}\r\n`;
      setTimeout(() => (this.#date = ''), 1000 - now.getMilliseconds()).unref();
    }
    return this.#date;
  }
}

function statusLine(status: number): string {
  let line = statusLines.get(status);
  if (line === undefined) {
    line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n`;
    statusLines.set(status, line);
  }
  return line;
}
