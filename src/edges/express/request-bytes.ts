import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';

import type { HeaderBlock } from '../../protocol/header-block.ts';
import { writeText } from '../sockets/write-text.ts';
import { fitsTogether, writeCopied, writeParts } from './write-together.ts';

/** A request up to this length leaves as one text: Node writes it at once, without a buffer of its own. */
const ONE_TEXT_MAX = 16 * 1024;

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Path and query as they stand in a request line: no blanks, no controls, nothing but US-ASCII. */
const NOT_PATH = /[^\u0021-\u007e]/;
/** Methods whose requests say so when they have no body, RFC 9110 8.6. */
const BODY_METHODS: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);

/** Whether method and path make a request line and nothing else. */
export function canBeSent(method: string, path: string): boolean {
  return path.charCodeAt(0) === 0x2f && !NOT_PATH.test(path) && (method === 'POST' || TOKEN.test(method));
}

/** Writes a request: its head and its body leave together. `host` is the end of the request line and the host field. */
export function writeRequest(
  socket: Socket,
  method: string,
  path: string,
  host: string,
  headers: HeaderBlock,
  body: Uint8Array | null,
): void {
  const start = requestHead(method, path, host, headers);
  if (body === null) {
    writeText(socket, BODY_METHODS.has(method) ? `${start}content-length: 0\r\n\r\n` : `${start}\r\n`);
    return;
  }
  const head = `${start}content-length: ${body.length}\r\n\r\n`;
  if (head.length + body.length <= ONE_TEXT_MAX) {
    writeText(socket, head + asBuffer(body).toString('latin1'));
    return;
  }
  if (fitsTogether(head.length + body.length)) writeCopied(socket, head, body, '');
  else writeParts(socket, head, body, '');
}

/** A request's head but for the framing of its body and the end of the head; `host` as above. */
export function requestHead(method: string, path: string, host: string, headers: HeaderBlock): string {
  return `${method} ${path}${host}${headers}`;
}

/** The end of a request line and the host field, for the host of a URL. */
export function hostLine(host: string): string {
  return ` HTTP/1.1\r\nhost: ${host}\r\n`;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
