import { Buffer } from 'node:buffer';

import fc from 'fast-check';

/** Requests of the strict form, and edits that make something else of them, or not. */

/** Names that mean something to some hop, and names that look like them. */
const NAMES =
  `Host Content-Length Content-Type Connection Keep-Alive Proxy-Connection TE Trailer Transfer-Encoding Upgrade
Expect Proxy-Authorization Proxy-Authenticate X-Request-Id Makas-Decision makas-x MAKAS- makas Cookie traceparent Accept
Accept-Encoding User-Agent Content_Length transfer_encoding X_Request_Id makas_x Content-Encoding Authorization Via Date
Inference-Header-Content-Length x-user-id X a !#$%&'*+-.^_\`|~ HTTP2-Settings Range`.split(/\s/);

const VALUES =
  `||keep-alive|close|Keep-Alive|keep-alive, close|chunked|100-continue|trailers|0|2|2, 2|+2|0x2|2 | 2|02|a|a  b|\ta\t|` +
  `\xe9\xff\x80|"q"|a,b;c=d|timeout=5|gateway|gateway:8080|[::1]:80|[::1|a@b|a/b|a,b|h2c|websocket|${'x'.repeat(300)}`;

const name = fc.oneof(fc.constantFrom(...NAMES), fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/));
const value = fc.oneof(fc.constantFrom(...VALUES.split('|')), fc.stringMatching(/^[ -~]{0,20}$/));
const colon = fc.constantFrom(': ', ': ', ': ', ':', ':\t', ':  ', ' : ');
const line = fc.tuple(name, colon, value).map((parts) => parts.join(''));

/** Mostly harmless, so that most requests are still strict. */
const plainLine = fc.oneof(
  { weight: 20, arbitrary: fc.tuple(fc.stringMatching(/^x-[a-z]{1,8}$/), value).map(([x, y]) => `${x}: ${y}`) },
  {
    weight: 8,
    arbitrary: fc.constantFrom('Accept: */*', 'Content-Type: application/json', 'Cookie: a=b', 'Via: 1.1 x'),
  },
  { weight: 1, arbitrary: fc.constant('Connection: keep-alive') },
  { weight: 1, arbitrary: line },
);
const path = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('/v2/models/m/infer', '/v1/models/m:predict', '/', '//', '/a%20b', '/../x') },
  { weight: 1, arbitrary: fc.stringMatching(/^\/[!"$->@-~]{0,20}$/) },
);
const query = fc.oneof(fc.constant(''), fc.stringMatching(/^\?[!"$-~]{0,10}$/));
const body = fc.oneof(
  fc.constantFrom('', '{}', '{"inputs":[]}', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n', '\r\n\r\n'),
  fc.stringMatching(/^[ -~]{0,40}$/),
);

/** Requests as Latin-1 text. */
export const request: fc.Arbitrary<string> = fc
  .tuple(path, query, fc.array(plainLine, { maxLength: 6 }), fc.array(plainLine, { maxLength: 3 }), body, fc.nat(2))
  .map(([path, query, before, after, body, order]) => {
    const host = 'Host: gateway:8080';
    const length = `Content-Length: ${body.length}`;
    const lines = [
      [host, ...before, length, ...after],
      [...before, length, host, ...after],
      [length, ...before, ...after, host],
    ][order]!;
    return `POST ${path}${query} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`;
  });

const OCTETS = '\r\n\t :;,.-_/?#%&+"\\\0\x0b\x1f\x7f\x80\xa0\xff019aAfFzZ(){}[]@=!~^|<>'.split('');
const octet = fc.oneof(
  fc.constantFrom(...OCTETS),
  fc.nat(255).map((code) => String.fromCharCode(code)),
);
const trick = fc.constantFrom('\r\n', '\n', '\r', '\r\n\r\n', '\n\n', '\r\n ', '\r\n\t', '  ', 'HTTP/1.1', '\0', '00');

/** Makes one text of another; `at` is a place in its head, as a share of it. */
type EditKind = (text: string, at: number, more: { octet: string; trick: string; line: string }) => string;

const EDITS = {
  replace: (text, at, { octet }) => put(text, placeIn(text, at), 1, octet),
  insert: (text, at, { octet }) => put(text, placeIn(text, at), 0, octet),
  delete: (text, at) => put(text, placeIn(text, at), 1, ''),
  turnCase(text, at) {
    const place = placeIn(text, at);
    const letter = text[place] ?? '';
    return put(text, place, 1, letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase());
  },
  trick: (text, at, { trick }) => put(text, placeIn(text, at), 0, trick),
  addLine: (text, at, { line }) => put(text, lineIn(text, at), 0, `${line}\r\n`),
  repeatLine: (text, at) => put(text, lineIn(text, at), 0, lineAt(text, lineIn(text, at))),
  dropLine: (text, at) => put(text, lineIn(text, at), lineAt(text, lineIn(text, at)).length, ''),
} satisfies Record<string, EditKind>;

const edit = fc.record({
  kind: fc.constantFrom<(keyof typeof EDITS)[]>('replace', 'replace', 'turnCase', ...(Object.keys(EDITS) as never[])),
  at: fc.nat(999).map((thousandths) => thousandths / 1000),
  octet,
  trick,
  line,
});

/** Makes the bytes that were edited of a request. */
export const edition: fc.Arbitrary<(request: string) => Buffer> = fc
  .array(edit, { minLength: 1, maxLength: 2 })
  .map((edits) => (request) => {
    const edited = edits.reduce((text, { kind, at, ...more }) => (EDITS[kind] as EditKind)(text, at, more), request);
    return Buffer.from(edited, 'latin1');
  });

function put(text: string, place: number, length: number, between: string): string {
  return text.slice(0, place) + between + text.slice(place + length);
}

function placeIn(text: string, at: number): number {
  const end = text.indexOf('\r\n\r\n');
  return Math.floor(at * (end === -1 ? text.length : end + 4));
}

/** The beginning of a line behind the request line. */
function lineIn(text: string, at: number): number {
  return Math.max(text.indexOf('\r\n') + 2, text.lastIndexOf('\r\n', placeIn(text, at)) + 2);
}

function lineAt(text: string, start: number): string {
  return text.slice(start, text.indexOf('\r\n', start) + 2);
}
