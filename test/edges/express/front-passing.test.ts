import { Buffer } from 'node:buffer';

import { type Test, test } from 'tap';

import type { BodySink, PassingBody } from '../../../src/edges/express/passing-body.ts';
import { type RawClient, rawRequest } from '../../support/raw-client.ts';
import { until } from '../../support/traffic.ts';
import { INFER, type Script, startFront, type Taken } from './front-fixture.ts';

const POST = `POST ${INFER} HTTP/1.1\r\nHost: g\r\n`;

/** Takes a body, and keeps what came of it. */
class Taker implements BodySink {
  #chunks: Buffer[] = [];
  readonly #body: PassingBody;
  isFlowing = true;
  end: 'last' | 'broken' | '' = '';

  constructor(body: PassingBody) {
    this.#body = body;
    this.#chunks.push(body.open(this));
    body.resume();
    if (body.isReceived) this.end = 'last';
  }
  get received(): Buffer {
    return Buffer.concat(this.#chunks);
  }
  onPiece(bytes: Buffer): boolean {
    this.#chunks.push(Buffer.from(bytes));
    return this.isFlowing;
  }
  onLast(): void {
    this.end = 'last';
  }
  onBroken(): void {
    this.end = 'broken';
  }
  go(): void {
    this.isFlowing = true;
    this.#body.resume();
  }
}

/** A front that sends on all that is longer than 10 octets. */
async function setUp(t: Test, script: Script = {}) {
  const takers: Taker[] = [];
  const onPredict = ({ passing, reply, body }: Taken): void => {
    if (passing !== null) takers.push(new Taker(passing));
    else reply.send(200, `content-length: ${body?.length ?? 0}\r\n`, body ?? null);
  };
  const front = await startFront(t, { bufferBytes: 10, onPredict, ...script });
  const client = await front.connect();
  t.teardown(() => client.close());
  return { ...front, takers, client };
}

function answerText({ reply }: Taken, text: string): void {
  reply.send(200, `content-length: ${text.length}\r\n`, Buffer.from(text));
}

test('a body beyond the buffer is sent on while it comes, and what is behind it is the next request', async (t) => {
  const { client, taken, takers, main } = await setUp(t);
  client.send(`${POST}Content-Length: 20\r\n\r\nabc`);
  await until('the head is there', () => takers.length === 1);
  const taker = takers[0]!;
  t.equal(taker.received.toString(), 'abc');
  t.equal(taken[0]!.factsBody, null);
  client.send('defghij');
  await until('a piece', () => taker.received.length === 10);
  client.send(Buffer.concat([Buffer.from('klmnopqrst'), rawRequest(INFER, 'next')]));
  await until('the rest', () => taker.end === 'last');
  t.equal(taker.received.toString(), 'abcdefghijklmnopqrst');
  answerText(taken[0]!, 'one');
  const first = await client.answer();
  t.equal(first?.body.toString(), 'one');
  t.not(first?.headers.get('connection'), 'close');
  t.equal((await client.answer())?.body.toString(), 'next');
  t.equal(main.length, 0);
});

test('a body beyond the buffer that came with its head is sent on as well', async (t) => {
  const { client, taken, takers } = await setUp(t);
  for (const text of ['one', 'two']) {
    client.send(rawRequest(INFER, 'a body beyond the buffer'));
    await until('taken', () => takers.at(-1)?.end === 'last');
    t.equal(takers.pop()?.received.toString(), 'a body beyond the buffer');
    answerText(taken.at(-1)!, text);
    t.equal((await client.answer())?.body.toString(), text);
  }
});

test('a body beyond the buffer that is read comes whole', async (t) => {
  const { client, taken } = await setUp(t, { needsWhole: true });
  const body = 'xyz'.repeat(100_000);
  client.send(rawRequest(INFER, body));
  const answer = await client.answer();
  t.ok(answer?.body.toString() === body);
  t.equal(taken[0]!.passing, null);
});

test('while the body is not taken the client has to wait', async (t) => {
  const { client, takers } = await setUp(t);
  const body = Buffer.alloc(64 * 2 ** 20, 'x');
  client.send(`${POST}Content-Length: ${body.length}\r\n\r\nx`);
  await until('the head is there', () => takers.length === 1);
  const taker = takers[0]!;
  taker.isFlowing = false;
  client.send(body.subarray(1));
  let before = -1;
  await until('nothing moves any more', () => {
    const now = taker.received.length + client.socket.bytesWritten - client.socket.writableLength;
    const isStill = now === before;
    before = now;
    return isStill && taker.received.length > 1;
  });
  t.ok(taker.received.length <= 1 + 128 * 1024, 'one piece');
  t.ok(client.socket.writableLength > 0, 'the kernel takes no more');
  taker.go();
  await until('all of it', () => taker.end === 'last', 20_000);
  t.ok(taker.received.equals(body));
});

test('a client whose body nobody has taken yet has to wait', async (t) => {
  const { client, taken } = await setUp(t, { onPredict() {} });
  const body = Buffer.alloc(64 * 2 ** 20, 'x');
  client.send(`${POST}Content-Length: ${body.length}\r\n\r\n`);
  client.send(body);
  await until('opened', () => taken.length === 1 && taken[0]!.passing !== null);
  let before = -1;
  await until('nothing moves any more', () => {
    const now = client.socket.bytesWritten - client.socket.writableLength;
    const isStill = now === before;
    before = now;
    return isStill;
  });
  t.ok(client.socket.writableLength > 0);
  const taker = new Taker(taken[0]!.passing!);
  t.ok(taker.received.length <= 128 * 1024);
  await until('all of it', () => taker.end === 'last', 20_000);
  t.ok(taker.received.equals(body));
});

test('an answer before the body is whole is the last, and what still comes is thrown away', async (t) => {
  const { client, taken, takers, main } = await setUp(t);
  client.send(`${POST}Content-Length: 100000\r\n\r\nabc`);
  await until('the head is there', () => takers.length === 1);
  answerText(taken[0]!, 'early');
  t.equal(takers[0]!.end, 'broken');
  const answer = await client.answer();
  t.equal(answer?.body.toString(), 'early');
  t.equal(answer?.headers.get('connection'), 'close');
  client.send(Buffer.alloc(100_000 - 3, 'x'));
  client.send(rawRequest(INFER));
  await client.closed;
  t.equal(taken.length + main.length, 1);
  t.equal(takers[0]!.received.length, 3);
});

test('a refusal while the head is handled is the last answer', async (t) => {
  const { client, taken } = await setUp(t, {
    onPredict: ({ reply }) => reply.send(404, 'content-length: 0\r\n', null),
  });
  client.send(`${POST}Content-Length: 100000\r\n\r\nabc`);
  const answer = await client.answer();
  t.equal(answer?.status, 404);
  t.equal(answer?.headers.get('connection'), 'close');
  client.send(Buffer.alloc(100_000, 'x'));
  await client.closed;
  t.notOk(taken[0]!.isAbandoned);
});

test('an answer may begin before the body is whole; then the connection closes after it', async (t) => {
  const { client, taken, takers } = await setUp(t);
  client.send(`${POST}Content-Length: 20\r\n\r\nabcdefghij`);
  await until('the head is there', () => takers.length === 1);
  const { reply } = taken[0]!;
  reply.head(200, 'content-length: 10\r\n');
  reply.write(Buffer.from('first'));
  client.send('klmnopqrst');
  await until('the rest', () => takers[0]!.end === 'last');
  reply.write(Buffer.from('later'));
  reply.end();
  const answer = await client.answer();
  t.equal(answer?.body.toString(), 'firstlater');
  t.equal(answer?.headers.get('connection'), 'close');
  await client.closed;
  t.notOk(taken[0]!.isAbandoned);
});

/** Begins a body and its answer perhaps, then fails; the client hears of it when it has no answer yet. */
async function expectRefused(
  t: Test,
  status: number,
  script: Script,
  fail: (client: RawClient) => void,
): Promise<void> {
  for (const hasAnswer of [false, true]) {
    const { client, taken, takers } = await setUp(t, script);
    client.send(`${POST}Content-Length: 20\r\n\r\nabc`);
    await until('the head is there', () => takers.length === 1);
    if (hasAnswer) taken[0]!.reply.head(200, 'content-length: 10\r\n');
    fail(client);
    const answer = await client.answer();
    t.equal(answer?.status, hasAnswer ? undefined : status);
    await client.closed;
    t.ok(taken[0]!.isAbandoned);
    t.equal(takers[0]!.end, 'broken');
  }
}

test('a client that ends in the middle of its body is told so, unless it has an answer already', async (t) => {
  await expectRefused(t, 400, {}, (client) => void client.socket.end());
});

test('a body that does not end in time is answered 408, or its connection cut', async (t) => {
  await expectRefused(t, 408, { options: { requestTimeoutMs: 200 } }, () => {});
});

test('a client that leaves in the middle of its body leaves nothing behind', async (t) => {
  const { client, taken, takers } = await setUp(t);
  client.send(`${POST}Content-Length: 20\r\n\r\nabc`);
  await until('the head is there', () => takers.length === 1);
  client.close();
  await until('abandoned', () => taken[0]!.isAbandoned);
  t.equal(takers[0]!.end, 'broken');
});

test('a client that leaves while nobody has taken its body yet is seen to leave', async (t) => {
  for (const leave of ['end', 'destroy'] as const) {
    const { client, taken } = await setUp(t, { onPredict() {} });
    client.send(`${POST}Content-Length: 20000\r\n\r\n`);
    client.send(Buffer.alloc(19_999));
    await until('opened', () => taken.length === 1);
    client.socket[leave]();
    await until('abandoned', () => taken[0]!.isAbandoned);
    client.close();
  }
});
