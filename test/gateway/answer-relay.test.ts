import { Buffer } from 'node:buffer';

import { test } from 'tap';

import { bodyDecoder } from '../../src/edges/decode-body.ts';
import { AnswerRelay, type RelaySettings } from '../../src/gateway/answer-relay.ts';
import { NameMapping } from '../../src/gateway/name-mapping.ts';
import type { AnswerHead, Reply } from '../../src/gateway/ports.ts';
import { findHeader, headerBlock, type HeaderBlock } from '../../src/protocol/header-block.ts';

/** A reply that notes what it is told, in order. */
class NotedReply implements Reply {
  readonly notes: string[] = [];
  headers: HeaderBlock = '';
  isFull = false;

  send(status: number, headers: HeaderBlock, body: Uint8Array | null): void {
    this.headers = headers;
    this.notes.push(`send ${status} ${body === null ? '' : Buffer.from(body).toString()}`);
  }
  head(status: number, headers: HeaderBlock): void {
    this.headers = headers;
    this.notes.push(`head ${status}`);
  }
  write(chunk: Uint8Array): boolean {
    this.notes.push(`write ${Buffer.from(chunk).toString()}`);
    return !this.isFull;
  }
  end(): void {
    this.notes.push('end');
  }
  destroy(): void {}
  onDrain(): void {}
}

const INFER = { protocol: 'oip', operation: 'infer' } as const;
const MAPPING = new NameMapping(INFER, 'inner', 'outer');
const decode = bodyDecoder(() => 1000);
const CLOCK = { now: () => 0, steady: () => 0 };
const JSON_TYPE: readonly string[] = ['content-type', 'application/json'];

/** The head of an answer with these fields, as an edge makes it. */
function head(status: number, fields: readonly string[] = []): AnswerHead {
  const headers = headerBlock(fields);
  return { status, headers, length: Number(findHeader(headers, 'content-length') ?? -1) };
}

function setUp(more: Partial<RelaySettings> = {}) {
  const reply = new NotedReply();
  const settings = {
    added: 'x-own: 1\r\n',
    replaced: null,
    mapping: null,
    isGrpc: false,
    keepBytes: 0,
    maxAnswerBytes: 1000,
    decode,
    ...more,
  };
  return { reply, relay: new AnswerRelay(reply, CLOCK, settings) };
}

test('a small answer that comes in one piece leaves in one write', (t) => {
  const { reply, relay } = setUp();
  relay.onHead(head(200, ['Content-Length', '2']));
  relay.onData(Buffer.from('{}'));
  t.strictSame(reply.notes, []);
  relay.onEnd();
  t.strictSame(reply.notes, ['send 200 {}']);
  t.equal(reply.headers, 'Content-Length: 2\r\nx-own: 1\r\n');
  t.ok(relay.isHeadSent);
  t.equal(relay.answerBytes, 2);
  t.end();
});

test('an answer that comes in pieces leaves in pieces, and tells when to stop', (t) => {
  const { reply, relay } = setUp();
  relay.onHead(head(200, ['content-length', '4']));
  t.ok(relay.onData(Buffer.from('ab')));
  reply.isFull = true;
  t.notOk(relay.onData(Buffer.from('cd')));
  relay.onEnd();
  t.strictSame(reply.notes, ['head 200', 'write ab', 'write cd', 'end']);
  t.end();
});

test('without a length the head leaves at once', (t) => {
  const { reply, relay } = setUp();
  relay.onHead(head(503, []));
  t.strictSame(reply.notes, ['head 503']);
  t.end();
});

test('a head that cannot be written leaves the way open for another answer', (t) => {
  const { reply, relay } = setUp();
  reply.head = () => {
    throw new TypeError('invalid character in header');
  };
  t.throws(() => relay.onHead(head(200, [])));
  t.notOk(relay.isHeadSent);
  t.throws(() => setUp().relay.onHead(head(200, ['content-length', '1001'])), { code: 'UPSTREAM_BAD_RESPONSE' });
  t.end();
});

test('an answer whose names are mapped back is held until it is whole', (t) => {
  const { reply, relay } = setUp({ mapping: MAPPING });
  relay.onHead(head(200, [...JSON_TYPE, 'content-length', '22']));
  for (const piece of ['{"model_name"', ':"inner"}']) t.ok(relay.onData(Buffer.from(piece)));
  t.strictSame(reply.notes, []);
  relay.onEnd();
  t.strictSame(reply.notes, ['send 200 {"model_name":"outer"}']);
  t.end();
});

test('only whole JSON documents of successful answers are held for that', (t) => {
  for (const [status, headers] of [
    [400, JSON_TYPE],
    [200, ['content-type', 'application/jsonl']],
    [200, ['content-type', 'application/x-ndjson']],
    [200, []],
  ] as const) {
    const { reply, relay } = setUp({ mapping: MAPPING });
    relay.onHead(head(status, [...headers]));
    t.strictSame(reply.notes, [`head ${status}`], headers.join());
  }
  for (const type of ['application/json;charset=utf-8', 'Application/JSON ', 'application/vnd.x+json']) {
    const { reply, relay } = setUp({ mapping: MAPPING });
    relay.onHead(head(200, ['content-type', type]));
    t.strictSame(reply.notes, [], type);
  }
  t.end();
});

test('a copy is kept up to its limit, and nothing of a longer answer', (t) => {
  const { relay } = setUp({ keepBytes: 4 });
  relay.onHead(head(200, []));
  const bytes = Buffer.from('ab');
  relay.onData(bytes);
  bytes.fill('x');
  relay.onData(Buffer.from('cd'));
  t.equal(relay.keptBody()?.toString(), 'abcd');
  relay.onData(Buffer.from('e'));
  t.equal(relay.keptBody(), null);
  t.equal(setUp().relay.keptBody(), null);
  t.end();
});

test('a whole answer is passed on as it came, and what is kept of it is a copy', (t) => {
  const { reply, relay } = setUp({ keepBytes: 4 });
  const bytes = Buffer.from('{}');
  relay.onWhole(head(200, ['content-length', '2']), bytes);
  t.strictSame(reply.notes, ['send 200 {}']);
  bytes.fill('x');
  t.equal(relay.keptBody()?.toString(), '{}');
  t.equal(relay.answerBytes, 2);
  t.ok(relay.isHeadSent);
  t.end();
});

test('the names in a whole answer are mapped back, and its length follows', (t) => {
  const { reply, relay } = setUp({ mapping: new NameMapping(INFER, 'inner', 'the outer') });
  relay.onWhole(head(200, [...JSON_TYPE, 'content-length', '22']), Buffer.from('{"model_name":"inner"}'));
  t.strictSame(reply.notes, ['send 200 {"model_name":"the outer"}']);
  t.equal(findHeader(reply.headers, 'content-length'), '26');
  t.end();
});
