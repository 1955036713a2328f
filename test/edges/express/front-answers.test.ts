import { Buffer } from 'node:buffer';

import { test } from 'tap';

import type { Reply } from '../../../src/gateway/ports.ts';
import { rawRequest } from '../../support/raw-client.ts';
import { until } from '../../support/traffic.ts';
import { echo, INFER, pause, startFront, type Taken } from './front-fixture.ts';

test('an answer is the status line, the block as it is, and what belongs to the connection', async (t) => {
  const block = 'Content-Type: text/plain\r\nx-a: \xe9\r\nSet-Cookie: a\r\nSet-Cookie: b\r\ncontent-length: 2\r\n';
  const { connect } = await startFront(t, { onPredict: ({ reply }) => reply.send(418, block, Buffer.from('ok')) });
  const client = await connect();
  client.send(rawRequest(INFER));
  await client.until(() => client.rest.toString().endsWith('ok'));
  const [statusLine, ...lines] = client.rest.toString('latin1').split('\r\n');
  t.equal(statusLine, "HTTP/1.1 418 I'm a Teapot");
  t.equal(lines.slice(0, 5).join('\r\n'), block.trimEnd());
  t.match(lines[5], /^Date: \w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT$/);
  t.strictSame(lines.slice(6), ['Connection: keep-alive', 'Keep-Alive: timeout=5', '', 'ok']);
});

test('the date of the model server stays, and it is the only one', async (t) => {
  const block = 'DATE: Thu, 01 Jan 1970 00:00:00 GMT\r\ncontent-length: 0\r\n';
  const { connect } = await startFront(t, { onPredict: ({ reply }) => reply.send(200, block, null) });
  const client = await connect();
  client.send(rawRequest(INFER));
  t.equal((await client.answer())?.headers.get('date'), 'Thu, 01 Jan 1970 00:00:00 GMT');
});

const bodies: Record<string, Buffer> = {
  'no bytes': Buffer.alloc(0),
  'a few bytes': Buffer.from([0, 1, 127, 128, 255]),
  'bytes for one text': Buffer.alloc(8192, 'ab'),
  'more than that': Buffer.alloc(8193, 'ab'),
  'more than one write takes': Buffer.alloc(1024 * 1024, 'abc'),
};

for (const [what, body] of Object.entries(bodies)) {
  const framings = { length: `content-length: ${body.length}\r\n`, chunks: '' };
  for (const [framing, block] of Object.entries(framings)) {
    test(`${what} are sent whole, with ${framing}`, async (t) => {
      const { connect } = await startFront(t, {
        onPredict({ reply }) {
          const bytes = Buffer.from(body);
          reply.send(200, block, bytes);
          // The bytes are the gateway's again.
          bytes.fill('!');
        },
      });
      const client = await connect();
      for (let i = 0; i < 3; i++) {
        client.send(rawRequest(INFER));
        const answer = await client.answer();
        t.equal(answer?.headers.get('transfer-encoding'), framing === 'chunks' ? 'chunked' : undefined);
        t.ok(answer?.body.equals(body));
      }
    });

    test(`${what} are sent in pieces, with ${framing}`, async (t) => {
      const { connect } = await startFront(t, {
        onPredict({ reply }) {
          reply.head(200, block);
          const size = Math.ceil(body.length / 3) + 1;
          for (let at = 0; at < body.length; at += size) reply.write(body.subarray(at, at + size));
          reply.write(Buffer.alloc(0));
          reply.end();
        },
      });
      const client = await connect();
      for (let i = 0; i < 3; i++) {
        client.send(rawRequest(INFER));
        t.ok((await client.answer())?.body.equals(body));
      }
    });
  }
}

test('statuses that have no body get none, and the connection goes on', async (t) => {
  const statuses = [204, 304, 200];
  const { connect } = await startFront(t, {
    onPredict({ reply }) {
      const status = statuses.shift() as number;
      if (status === 304) {
        reply.head(304, 'content-length: 5\r\n');
        reply.write(Buffer.from('never'));
        reply.end();
      } else reply.send(status, status === 204 ? '' : 'content-length: 2\r\n', Buffer.from('ok'));
    },
  });
  const client = await connect();
  for (const status of [204, 304, 200]) {
    client.send(rawRequest(INFER));
    const answer = await client.answer();
    t.equal(answer?.status, status);
    t.equal(answer?.headers.get('transfer-encoding'), undefined);
  }
  t.equal(client.rest.length, 0);
});

test('the head of an answer in pieces leaves at once, and so does each piece', async (t) => {
  const taken: Taken[] = [];
  const { connect } = await startFront(t, { onPredict: (one) => taken.push(one) });
  const client = await connect();
  client.send(rawRequest(INFER));
  await until('taken', () => taken.length === 1);
  const { reply } = taken[0] as Taken;
  reply.head(200, '');
  t.ok(await client.until(() => client.rest.toString().endsWith('\r\n\r\n')));
  reply.write(Buffer.from('one'));
  t.ok(await client.until(() => client.rest.toString().endsWith('3\r\none\r\n')));
  reply.end();
  t.equal((await client.answer())?.body.toString(), 'one');
});

const broken: Record<string, (reply: Reply) => void> = {
  'a whole body that is shorter than announced': (reply) => reply.send(200, 'content-length: 3\r\n', Buffer.from('ok')),
  'a whole body that is longer than announced': (reply) => reply.send(200, 'content-length: 1\r\n', Buffer.from('ok')),
  'no body where one was announced': (reply) => reply.send(200, 'content-length: 1\r\n', null),
  'a length that is none': (reply) => reply.send(200, 'content-length: x\r\n', Buffer.from('ok')),
  'pieces that end too early'(reply) {
    reply.head(200, 'content-length: 3\r\n');
    reply.write(Buffer.from('ok'));
    reply.end();
  },
  'pieces that are too long'(reply) {
    reply.head(200, 'content-length: 1\r\n');
    reply.write(Buffer.from('ok'));
    reply.end();
  },
  'pieces that are given up'(reply) {
    reply.head(200, '');
    reply.write(Buffer.from('ok'));
    reply.destroy();
  },
};

for (const [what, answer] of Object.entries(broken)) {
  test(`${what}: the client sees that the answer is not complete`, async (t) => {
    const { connect } = await startFront(t, { onPredict: ({ reply }) => answer(reply) });
    const client = await connect();
    client.send(rawRequest(INFER));
    t.equal(await client.answer().catch(() => null), null);
    await client.closed;
  });
}

test('what comes after the end of an answer does not get into the next', async (t) => {
  const taken: Taken[] = [];
  const { connect } = await startFront(t, { onPredict: (one) => taken.push(one) });
  const client = await connect();
  client.send(rawRequest(INFER, 'one'));
  await until('taken', () => taken.length === 1);
  const { reply } = taken[0] as Taken;
  echo(taken[0] as Taken);
  client.send(rawRequest(INFER, 'two'));
  await until('taken', () => taken.length === 2);
  echo(taken[0] as Taken);
  reply.head(200, '');
  reply.write(Buffer.from('late'));
  reply.end();
  reply.destroy();
  echo(taken[1] as Taken);
  t.equal((await client.answer())?.body.toString(), 'one');
  t.equal((await client.answer())?.body.toString(), 'two');
  t.equal(client.rest.length, 0);
});

test('a reader that is slow holds up the answer, not the gateway’s memory', async (t) => {
  const piece = Buffer.alloc(64 * 1024, 'x');
  const pieces = 200;
  let written = 0;
  const { connect } = await startFront(t, {
    onPredict({ reply }) {
      reply.head(200, '');
      const go = (): void => {
        while (written < pieces) {
          written++;
          if (!reply.write(piece)) return;
        }
        reply.end();
      };
      reply.onDrain(go);
      go();
    },
  });
  const client = await connect();
  client.socket.pause();
  client.send(rawRequest(INFER));
  await until('it stopped', async () => {
    const before = written;
    await pause();
    return before > 0 && before === written;
  });
  t.ok(written < pieces, `${written} pieces`);
  client.socket.resume();
  t.equal((await client.answer())?.body.length, pieces * piece.length);
});

test('a client that reads no answers is not read either', async (t) => {
  const large = Buffer.alloc(1024 * 1024, 'x');
  const { connect, taken } = await startFront(t, {
    onPredict: ({ reply }) => reply.send(200, `content-length: ${large.length}\r\n`, large),
  });
  const client = await connect();
  client.socket.pause();
  for (let i = 0; i < 30; i++) {
    client.send(rawRequest(INFER));
    await pause();
  }
  const count = taken.length;
  t.ok(count < 25, `${count} are taken`);
  client.socket.resume();
  for (let i = 0; i < count; i++) t.equal((await client.answer())?.body.length, large.length);
  // What waited is more than one request at a time, and so for the main lane.
  for (let i = count; i < 30; i++) t.equal((await client.answer())?.headers.get('x-lane'), 'main');
});
