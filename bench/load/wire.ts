import type { WireRequest } from '../scenario.ts';

/** The bytes of one HTTP/1.1 request on a connection that stays open. */
export function renderWire(request: WireRequest, port: number): Buffer {
  const { method, path, headers, body } = request;
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const length = `content-length: ${Buffer.byteLength(body)}\r\n`;
  return Buffer.from(`${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n${lines.join('')}${length}\r\n${body}`);
}

export interface ReadAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/** Reads an answer that states its length; null while it is not whole. Throws on any other framing. */
export function readAnswer(bytes: Buffer): ReadAnswer | null {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return null;
  const head = bytes.toString('latin1', 0, headEnd);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length === undefined) throw new Error(`an answer without content-length: ${head}`);
  const start = headEnd + 4;
  const end = start + Number(length);
  if (bytes.length < end) return null;
  if (bytes.length > end) throw new Error('bytes after the answer');
  return { status: Number(head.slice(9, 12)), body: bytes.subarray(start, end) };
}
