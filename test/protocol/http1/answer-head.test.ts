import * as fc from 'fast-check';
import { test } from 'tap';

import { answerFields, crossingOf, DROP_ALWAYS, DROP_DOWNSTREAM } from '../../../src/protocol/header-crossing.ts';
import { answerFieldKind, CONTENT_LENGTH, DROPPED } from '../../../src/protocol/http1/answer-field.ts';
import { AnswerHeadReader, IS_BAD, NEEDS_MORE } from '../../../src/protocol/http1/answer-head.ts';

const reader = new AnswerHeadReader();

function read(head: string): number {
  const bytes = Buffer.from(head, 'latin1');
  return reader.read(bytes, 0, bytes.length);
}

test('a head is read for its status, its framing and what it says about its connection', async (t) => {
  const head = 'HTTP/1.1 201 Created\r\nContent-Length: 12\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n';
  t.equal(read(`${head}and more`), head.length);
  const { status, contentLength, isChunked, keepsAlive, keepAliveSeconds, headers } = reader;
  t.strictSame(
    { status, contentLength, isChunked, keepsAlive, keepAliveSeconds, headers },
    {
      status: 201,
      contentLength: 12,
      isChunked: false,
      keepsAlive: true,
      keepAliveSeconds: 5,
      headers: 'Content-Length: 12\r\n',
    },
  );
});

test('nothing of a head is left for the next one', async (t) => {
  read('HTTP/1.0 200 OK\r\ncontent-length: 5\r\nkeep-alive: timeout=3\r\nconnection: close\r\nx: y\r\n\r\n');
  read('HTTP/1.1 204 x\r\n\r\n');
  const { status, contentLength, isChunked, keepsAlive, keepAliveSeconds, headers } = reader;
  t.strictSame(
    { status, contentLength, isChunked, keepsAlive, keepAliveSeconds, headers },
    { status: 204, contentLength: -1, isChunked: false, keepsAlive: true, keepAliveSeconds: -1, headers: '' },
  );
});

test('the beginning of a head is not whole yet, wherever it is cut', async (t) => {
  const head = Buffer.from('HTTP/1.1 200 OK\r\nx-name: value\r\ncontent-length: 3\r\n\r\nabc');
  for (let end = 0; end < head.length - 3; end++) t.equal(reader.read(head, 0, end), NEEDS_MORE, `${end} octets`);
  t.equal(reader.read(head, 0, head.length - 3), head.length - 3);
  t.equal(reader.read(Buffer.concat([Buffer.from('junk'), head]), 4, head.length + 4), head.length + 1);
});

test('the shortest timeout of all Keep-Alive fields counts', async (t) => {
  const seconds = (...values: string[]): number => {
    read(`HTTP/1.1 200 OK\r\n${values.map((value) => `keep-alive: ${value}\r\n`).join('')}\r\n`);
    return reader.keepAliveSeconds;
  };
  t.equal(seconds('timeout=20'), 20);
  t.equal(seconds('Timeout=20, max=5'), 20);
  t.equal(seconds('max=5, timeout=7'), 7);
  t.equal(seconds('timeout=20', 'timeout=3', 'max=1'), 3);
  t.equal(seconds('timeout=x'), -1);
  t.equal(seconds('xtimeout=3'), -1);
  t.equal(seconds('timeout=99999999999'), -1);
});

const names = (
  'connection keep-alive proxy-connection te trailer transfer-encoding upgrade content-length proxy-authenticate ' +
  'proxy-authorization host expect x-request-id makas- makas-decision makas ' +
  'content-type date server tf upgrades trailed x-requestsid connectiom'
).split(' ');
const spelled = fc
  .tuple(fc.constantFrom(...names), fc.array(fc.nat(3), { minLength: 20, maxLength: 20 }))
  .map(([name, ways]) =>
    name
      .split('')
      .map((char, i) => (ways[i] === 1 ? char.toUpperCase() : ways[i] === 2 && char === '-' ? '_' : char))
      .join(''),
  );
const token = fc.oneof(spelled, spelled, fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,20}$/));

test('the names of fields that do not cross are those of header-crossing.ts, however they are written', async (t) => {
  fc.assert(
    fc.property(token, (name) => {
      const bytes = Buffer.from(`??${name}??`, 'latin1');
      const kind = answerFieldKind(bytes, 2, bytes.length - 2);
      const isDropped = (crossingOf(name) & (DROP_ALWAYS | DROP_DOWNSTREAM)) !== 0;
      return kind >= DROPPED === isDropped && (kind === CONTENT_LENGTH) === (name.toLowerCase() === 'content-length');
    }),
    { seed: 1, numRuns: 20_000 },
  );
  t.pass();
});

test('the fields that cross are what answerFields makes of them', async (t) => {
  const value = fc.oneof(
    fc.stringMatching(/^[\t -~\u0080-\u00ff]{0,30}$/),
    fc.constantFrom('close', 'Keep-Alive', 'keep-alive, x-named', 'X_Named', 'te , Connection', ',', ''),
  );
  const field = fc.tuple(token, fc.constantFrom('', ' ', ' ', ' ', '\t', '  '), value);
  let namesOthers = 0;
  fc.assert(
    fc.property(fc.array(fc.oneof(field, fc.tuple(fc.constant('x-named'), fc.constant(' '), value))), (fields) => {
      const framed = fields.filter(([name]) => !/^(?:content-length|transfer-encoding)$/i.test(name));
      const length = read(
        `HTTP/1.1 200 OK\r\n${framed.map(([name, blank, text]) => `${name}:${blank}${text}\r\n`).join('')}\r\n`,
      );
      const list = framed.flatMap(([name, , text]) => [name, text.replace(/^[\t ]+|[\t ]+$/g, '')]);
      if (framed.some(([name, , text]) => /^connection$/i.test(name) && /x.named/i.test(text))) namesOthers++;
      return length > 0 && reader.headers === answerFields(list);
    }),
    { seed: 1, numRuns: 20_000 },
  );
  t.ok(namesOthers > 100, `${namesOthers} heads name fields that must not cross`);
});

test('no octet but those of the grammar is taken, at any place', async (t) => {
  const head = 'HTTP/1.1 200 OK\r\nx-name: value\r\ncontent-length: 3\r\n\r\n';
  const valid =
    /^HTTP\/1\.[01] [1-9]\d\d(?: [\t -~\u0080-\u00ff]*)?\r\n(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~\u0080-\u00ff]*\r\n)*\r\n/;
  let [good, bad] = [0, 0];
  for (let at = 0; at < head.length; at++) {
    for (let octet = 0; octet < 256; octet++) {
      const spoiled = head.slice(0, at) + String.fromCharCode(octet) + head.slice(at + 1);
      const length = /\r\ncontent-length:[\t ]*([^\r]*)\r\n/i.exec(spoiled)?.[1] ?? '0';
      const isValid = valid.test(spoiled) && /^\d+$/.test(length);
      const result = read(spoiled);
      if (result > 0 !== isValid) t.fail(`${JSON.stringify(spoiled)} gives ${result} ${reader.problem}`);
      if (result > 0) good++;
      if (result === IS_BAD) bad++;
    }
  }
  t.ok(good > 3000 && bad > 3000, `${good} good, ${bad} bad`);
});
