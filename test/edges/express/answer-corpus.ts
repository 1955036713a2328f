import { Buffer } from 'node:buffer';

/** One answer as a server may send it, or never should. */
export interface WireAnswer {
  readonly bytes: Buffer;
  readonly method: 'POST' | 'HEAD';
  /** The server closes the connection after it. */
  readonly closes: boolean;
}

type Draw = () => number;

const STATUS_LINES = [
  'HTTP/1.1 200 OK',
  'HTTP/1.1 200 OK',
  'HTTP/1.1 200 OK',
  'HTTP/1.1 200 OK',
  'HTTP/1.1 200 ',
  'HTTP/1.1 200',
  'HTTP/1.1 201 \x80\xff caf\xe9',
  'HTTP/1.1 204 No Content',
  'HTTP/1.1 304 Not Modified',
  'HTTP/1.1 404 Not Found',
  'HTTP/1.1 500 Internal Server Error',
  'HTTP/1.1 999 x',
  'HTTP/1.0 200 OK',
  'HTTP/1.0 503 a b  c\t',
  'HTTP/1.2 200 OK',
  'HTTP/2.0 200 OK',
  'HTTP/0.9 200 OK',
  'HTTP/1.1  200 OK',
  'HTTP/1.1 20 OK',
  'HTTP/1.1 2000 OK',
  'HTTP/1.1 099 OK',
  'HTTP/1.1 101 Switching Protocols',
  'http/1.1 200 OK',
  'ICY 200 OK',
];

const INTERIM = [
  'HTTP/1.1 102 Processing\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n',
  'HTTP/1.1 199 x\r\ncontent-length: 3\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\n',
];

const FIELDS = [
  'content-type: application/json',
  'Content-Type: application/json; charset=utf-8',
  'date: Mon, 23 Nov 2026 08:00:00 GMT',
  'server: uvicorn',
  'Server:uvicorn',
  'x-long: ' + 'v'.repeat(300),
  'X-Empty:',
  'x-empty: ',
  'x-blanks:  \t a b \t ',
  'x-latin: \xe9\xff\x80',
  'set-cookie: a=b',
  'set-cookie: c=d; Path=/',
  'Inference-Header-Content-Length: 12',
  'connection: keep-alive',
  'Connection: Keep-Alive',
  'connection: close',
  'Connection: CLOSE',
  'connection: x-named, keep-alive',
  'Connection: keep-alive , close',
  'connection: ,',
  'x-named: 1',
  'X_Named: 2',
  'keep-alive: timeout=5',
  'Keep-Alive: max=100, timeout=20',
  'keep_alive: timeout=1',
  'te: trailers',
  'trailer: x-sum',
  'proxy-connection: close',
  'Proxy-Authenticate: Basic',
  'x-request-id: theirs',
  'makas-decision: forged',
  'Makas_Error: forged',
  'makas: no prefix',
  'upgrade: h2c',
  'content_length: 7',
  'transfer_encoding: gzip',
  "!#$%&'*+-.^_`|~0Az: token",
  // What no parser should take.
  'x-blank-before-colon : 1',
  ' folded: line',
  '\tfolded',
  'no colon',
  ': no name',
  'x@y: at',
  'x-nul: a\x00b',
  'x-cr: a\rb',
  'x-lf: a\nb',
  'x-del: a\x7fb',
  'x-tab: a\tb',
  'x\xe9: latin name',
];

const LENGTHS = [
  '+5',
  '-1',
  '0x5',
  '5,5',
  '5, 5',
  ' 5 ',
  '05',
  '5 5',
  '',
  '9'.repeat(15),
  '9'.repeat(25),
  '1e1',
  '\t5',
];
const CODINGS = [
  'gzip',
  'chunked, chunked',
  'gzip, chunked',
  'chunked, gzip',
  'identity',
  '',
  'chunked;q=1',
  'xchunked',
];
const EXTENSIONS = [
  '',
  '',
  '',
  '',
  ';a',
  ';a=b',
  ';a="b c"',
  ';a="\\""',
  ' ;a',
  ';',
  ';a=',
  ';a = b',
  ' ',
  ';a="x',
  ';\x00',
];
const TRAILERS = [
  'x-sum: 1',
  'X-Sum:',
  'Content-Type: text/plain',
  'content-length: 5',
  'Transfer-Encoding: chunked',
  'bad',
  'x : y',
  ' x: y',
  'content-lengthx: 1',
];
/** What a mutation puts in. */
const OCTETS = [
  0x0d, 0x0a, 0x20, 0x09, 0x00, 0x3a, 0x2c, 0x3b, 0x30, 0x31, 0x39, 0x61, 0x41, 0x2d, 0x5f, 0x22, 0x3d, 0x7f, 0x80,
  0xff,
];
const PIECES = [
  '\r\n',
  '\r\n\r\n',
  '\n',
  '0\r\n\r\n',
  'content-length: 3\r\n',
  'Transfer-Encoding: chunked\r\n',
  'HTTP/1.1 200 OK\r\n',
];

/** An answer by the grammar, for the most part, which is then spoiled for the other part. */
export function drawAnswer(draw: Draw): WireAnswer {
  const one = <T>(list: readonly T[]): T => list[Math.floor(draw() * list.length)]!;
  const odds = (share: number): boolean => draw() < share;
  const method = odds(0.1) ? 'HEAD' : 'POST';
  const fields = Array.from({ length: Math.floor(draw() * 5) }, () => one(odds(0.9) ? FIELDS.slice(0, -12) : FIELDS));
  const body = drawBody(draw);
  let framed = '';
  let closes = odds(0.05);
  const framing = draw();
  if (framing < 0.45) {
    fields.push(`${one(['content-length', 'Content-Length', 'CONTENT-LENGTH'])}: ${body.length}`);
    framed = body;
  } else if (framing < 0.8) {
    fields.push(
      `${one(['transfer-encoding', 'Transfer-Encoding'])}: ${one(['chunked', 'chunked', 'Chunked', 'CHUNKED'])}`,
    );
    framed = chunk(body, draw);
  } else if (framing < 0.9) {
    closes = true;
    framed = body;
  } else if (framing < 0.93) {
    fields.push(`content-length: ${one(LENGTHS)}`);
    framed = body;
  } else if (framing < 0.95) {
    fields.push(`transfer-encoding: ${one(CODINGS)}`);
    framed = chunk(body, draw);
  } else if (framing < 0.97) {
    fields.push(`content-length: ${body.length}`, 'transfer-encoding: chunked');
    framed = chunk(body, draw);
  } else {
    fields.push(`content-length: ${body.length}`, `Content-Length: ${one([body.length, body.length + 1])}`);
    framed = body;
  }
  fields.sort(() => draw() - 0.5);
  const head = `${one(odds(0.8) ? STATUS_LINES.slice(0, 12) : STATUS_LINES)}\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`;
  const isBare = method === 'HEAD' || / (?:204|304) /.test(head);
  let text = (odds(0.08) ? one(INTERIM) : '') + head + (isBare && odds(0.9) ? '' : framed);
  if (odds(0.05)) text += one(['x', '\r\n', 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n']);
  const bytes = Buffer.from(text, 'latin1');
  return { method, closes, bytes: odds(0.6) ? mutate(bytes, head.length, draw) : bytes };
}

/** Positions at which an answer is cut into pieces. */
export function drawCuts(draw: Draw, length: number): number[] {
  const cuts = Array.from({ length: 1 + Math.floor(draw() * 4) }, () => Math.floor(draw() * length));
  return cuts.sort((a, b) => a - b);
}

function drawBody(draw: Draw): string {
  const length = Math.floor(draw() ** 3 * 60);
  let body = '';
  for (let i = 0; i < length; i++) body += String.fromCharCode(Math.floor(draw() * 256));
  return body;
}

function chunk(body: string, draw: Draw): string {
  const extension = (): string => (draw() < 0.2 ? EXTENSIONS[Math.floor(draw() * EXTENSIONS.length)]! : '');
  let chunked = '';
  for (let start = 0; start < body.length;) {
    const length = Math.min(body.length - start, 1 + Math.floor(draw() * 30));
    chunked += `${sizeOf(length, draw)}${extension()}\r\n${body.slice(start, start + length)}\r\n`;
    start += length;
  }
  let trailers = '';
  while (draw() < 0.15) trailers += `${TRAILERS[Math.floor(draw() * TRAILERS.length)]!}\r\n`;
  return `${chunked}${draw() < 0.1 ? '000' : '0'}${extension()}\r\n${trailers}\r\n`;
}

function sizeOf(length: number, draw: Draw): string {
  const digits = length.toString(16);
  const way = draw();
  if (way < 0.8) return digits;
  if (way < 0.97) return digits.toUpperCase().padStart(3, '0');
  const odd = [
    `0x${digits}`,
    `+${digits}`,
    ` ${digits}`,
    `${digits} `,
    `${digits}h`,
    `1${digits.padStart(16, '0')}`,
    '_1',
  ];
  return odd[Math.floor(draw() * odd.length)]!;
}

/** Spoils some bytes, most of them of the head or of what is right after it. */
function mutate(bytes: Buffer, headLength: number, draw: Draw): Buffer {
  let spoiled = bytes;
  for (let count = 1 + Math.floor(draw() * 2); count > 0; count--) {
    const reach = draw() < 0.7 ? Math.min(headLength + 10, spoiled.length) : spoiled.length;
    const at = Math.floor(draw() * reach);
    const octet = OCTETS[Math.floor(draw() * OCTETS.length)]!;
    const kind = draw();
    if (kind < 0.35) spoiled = splice(spoiled, at, 1, Buffer.of(octet));
    else if (kind < 0.55) spoiled = splice(spoiled, at, 0, Buffer.of(octet));
    else if (kind < 0.75) spoiled = splice(spoiled, at, 1 + Math.floor(draw() * 3), Buffer.alloc(0));
    else if (kind < 0.85) spoiled = splice(spoiled, at, 0, Buffer.from(PIECES[Math.floor(draw() * PIECES.length)]!));
    else if (kind < 0.92) spoiled = splice(spoiled, at, 0, spoiled.subarray(at, at + Math.floor(draw() * 40)));
    else spoiled = spoiled.subarray(0, at);
  }
  return spoiled;
}

function splice(bytes: Buffer, at: number, removed: number, added: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + removed)]);
}
