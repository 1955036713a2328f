import { Buffer } from 'node:buffer';

import { test } from 'tap';

import { nameBit, NEEDS_MORE, NOT_STRICT, RequestHeadReader } from '../../../src/protocol/http1/request-head.ts';

const LINE = 'POST /v2/models/m/infer HTTP/1.1\r\n';
const reader = new RequestHeadReader();

function read(text: string, maxBytes = 16 * 1024): number {
  const bytes = Buffer.from(text, 'latin1');
  return reader.read(bytes, bytes.length, maxBytes);
}

test('a strict head gives its length and its parts', async (t) => {
  const head = `POST /a/b?c=?d HTTP/1.1\r\nX-A: 1\r\nhOsT: [::1]:80\r\nX-B:2 \r\nMakas-X: 3\r\nCONTENT-LENGTH: 012\r\n\r\n`;
  const bytes = Buffer.from(`${head}body`, 'latin1');
  t.equal(reader.read(bytes, bytes.length, 1000), head.length);
  t.equal(reader.contentLength, 12);
  t.equal(reader.path(bytes), '/a/b');
  t.equal(reader.query(bytes), 'c=?d');
  const fields = reader.fields(bytes);
  t.equal(fields, head.slice(head.indexOf('X-A'), -2));
  t.equal(reader.upstream(fields), 'X-A: 1\r\nX-B:2 \r\n');
  t.not(reader.names & nameBit(7, 'm'.charCodeAt(0)), 0);
  t.not(reader.names & nameBit(4, 'h'.charCodeAt(0)), 0, 'in either case');
});

const strict: Record<string, string> = {
  'the least': 'Host:\r\nContent-Length:0\r\n\r\n',
  'blanks around values': 'Host: \t g \t\r\nContent-Length: \t 2 \t \r\n\r\n',
  'a connection that is kept': 'Host: g\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\n',
  'what stays on the connection':
    'Host: g\r\nKeep-Alive: timeout=5\r\nProxy-Authorization: x\r\nContent-Length: 2\r\n\r\n',
  'octets beyond ASCII in a value': 'Host: g\r\nX: \x80\xff\r\nContent-Length: 2\r\n\r\n',
  'a Host with an address': 'Host: [2001:db8::1]\r\nContent-Length: 2\r\n\r\n',
  'as many fields as may be': `${'a:\r\n'.repeat(126)}Host: g\r\nContent-Length: 2\r\n\r\n`,
};

for (const [what, fields] of Object.entries(strict)) {
  test(`${what}: strict, and every beginning of it may become so`, async (t) => {
    const head = LINE + fields;
    t.equal(read(head), head.length);
    for (let end = 0; end < head.length; end++) {
      if (read(head.slice(0, end)) !== NEEDS_MORE) t.fail(`${end} bytes`);
    }
  });
}

const H = 'Host: g\r\n';
const L = 'Content-Length: 2\r\n';
const others: Record<string, string> = {
  'another method': `GET /v2 HTTP/1.1\r\n${H}${L}\r\n`,
  'a method in lower case': `post /v2 HTTP/1.1\r\n${H}${L}\r\n`,
  'two spaces': `POST  /v2 HTTP/1.1\r\n${H}${L}\r\n`,
  'no target': `POST HTTP/1.1\r\n${H}${L}\r\n`,
  'a target with a fragment': `POST /v2#x HTTP/1.1\r\n${H}${L}\r\n`,
  'a target beyond ASCII': `POST /v2\xe9 HTTP/1.1\r\n${H}${L}\r\n`,
  'a target with a scheme': `POST http://g/v2 HTTP/1.1\r\n${H}${L}\r\n`,
  'another version': `POST /v2 HTTP/1.0\r\n${H}${L}\r\n`,
  'a version of two digits': `POST /v2 HTTP/1.10\r\n${H}${L}\r\n`,
  'a bare LF': `POST /v2 HTTP/1.1\n${H}${L}\r\n`,
  'a bare LF behind a field': `${LINE}Host: g\n${L}\r\n`,
  'a bare CR in a value': `${LINE}${H}X: a\rb\r\n${L}\r\n`,
  'a bare CR before a field': `${LINE}${H}\rX: a\r\n${L}\r\n`,
  'NUL in a value': `${LINE}${H}X: \0\r\n${L}\r\n`,
  'DEL in a value': `${LINE}${H}X: \x7f\r\n${L}\r\n`,
  'a folded line': `${LINE}${H}X: a\r\n b\r\n${L}\r\n`,
  'a blank before the colon': `${LINE}${H}X : a\r\n${L}\r\n`,
  'no name': `${LINE}${H}: a\r\n${L}\r\n`,
  'no colon': `${LINE}${H}X\r\n${L}\r\n`,
  'a name beyond ASCII': `${LINE}${H}X\xe9: a\r\n${L}\r\n`,
  'no Host': `${LINE}${L}\r\n`,
  'two Hosts': `${LINE}${H}${H}${L}\r\n`,
  'a Host with a user': `${LINE}Host: a@b\r\n${L}\r\n`,
  'a Host with a path': `${LINE}Host: a/b\r\n${L}\r\n`,
  'a list of Hosts': `${LINE}Host: a, b\r\n${L}\r\n`,
  'a Host with an open bracket': `${LINE}Host: [::1\r\n${L}\r\n`,
  'a Host with an empty address': `${LINE}Host: []\r\n${L}\r\n`,
  'a Host with a port that is none': `${LINE}Host: a:b\r\n${L}\r\n`,
  'no length': `${LINE}${H}\r\n`,
  'two lengths': `${LINE}${H}${L}${L}\r\n`,
  'a list of lengths': `${LINE}${H}Content-Length: 2,2\r\n\r\n`,
  'an empty length': `${LINE}${H}Content-Length:\r\n\r\n`,
  'a length with a sign': `${LINE}${H}Content-Length: +2\r\n\r\n`,
  'a length in hex': `${LINE}${H}Content-Length: 0x2\r\n\r\n`,
  'a length beyond all bounds': `${LINE}${H}Content-Length: ${'9'.repeat(13)}\r\n\r\n`,
  'a closing connection': `${LINE}${H}Connection: close\r\n${L}\r\n`,
  'a connection that names a field': `${LINE}${H}Connection: keep-alive, x\r\n${L}\r\n`,
  'two connections': `${LINE}${H}Connection: keep-alive\r\nConnection: keep-alive\r\n${L}\r\n`,
  chunks: `${LINE}${H}Transfer-Encoding: chunked\r\n${L}\r\n`,
  'an expectation': `${LINE}${H}Expect: 100-continue\r\n${L}\r\n`,
  'an upgrade': `${LINE}${H}Upgrade: h2c\r\n${L}\r\n`,
  trailers: `${LINE}${H}Trailer: x\r\n${L}\r\n`,
  'wanted codings': `${LINE}${H}TE: trailers\r\n${L}\r\n`,
  'a connection for a proxy': `${LINE}${H}Proxy-Connection: close\r\n${L}\r\n`,
  'a length with an underscore': `${LINE}${H}Content_Length: 9\r\n${L}\r\n`,
  'too many fields': `${LINE}${'a:\r\n'.repeat(127)}${H}${L}\r\n`,
};

for (const [what, head] of Object.entries(others)) {
  test(`${what}: not strict`, async (t) => t.equal(read(head), NOT_STRICT));
}

test('a head is as long as allowed, and no longer, whether all of it is there or not', async (t) => {
  const head = `${LINE}${H}${L}\r\n`;
  t.equal(read(`${head}body`, head.length), head.length);
  t.equal(read(`${head}body`, head.length - 1), NOT_STRICT);
  t.equal(read(head.slice(0, -2), head.length - 1), NEEDS_MORE);
  t.equal(read(head.slice(0, -1), head.length - 1), NOT_STRICT);
});
