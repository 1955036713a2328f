import type { Test } from 'tap';

import { answerCall, frame } from '../../support/http2.ts';
import { test } from '../../support/lanes.ts';
import { until } from '../../support/traffic.ts';
import { type Heard, setUp } from './upstream-fixtures.ts';

type Answer = Parameters<typeof setUp>[1];

async function outcomeOf(t: Test, answer: Answer): Promise<Heard> {
  const { send } = await setUp(t, answer);
  const { heard } = send();
  await heard.done;
  return heard;
}

test('a small answer comes as a whole, with its head, message and trailers', async (t) => {
  const { send, server } = await setUp(t, ({ stream }) => answerCall(stream, Buffer.from('answer'), { 'x-t': 'é' }));
  const { heard } = send(undefined, { headers: 'Content-Type: application/grpc+proto\r\nX-A-bin: AAE=\r\n' });
  await heard.done;
  t.equal(heard.outcome, '0 answer');
  t.match(heard.head?.headers, /content-type: application\/grpc\r\n/);
  t.match(heard.trailers, 'x-t: é\r\n', 'fields are bytes');
  const { headers, body } = server.received[0]!;
  t.equal(headers[':method'], 'POST');
  t.equal(headers[':scheme'], 'http');
  t.equal(headers[':authority'], new URL(server.url).host);
  t.equal(headers['content-type'], 'application/grpc+proto');
  t.equal(headers['x-a-bin'], 'AAE=');
  t.equal(headers.te, 'trailers');
  t.strictSame(body(), frame(Buffer.from('question')));
});

test('the answer of a method with one message comes as a whole, however long its end takes', async (t) => {
  const { send } = await setUp(t, ({ stream }) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.write(frame(Buffer.from('answer')));
    setTimeout(() => stream.end(), 50);
  });
  const { heard } = send(undefined, { path: '/inference.GRPCInferenceService/ModelInfer' });
  await heard.done;
  t.equal(heard.outcome, '0 answer');
  t.ok(heard.isWhole);
});

test('an answer that is all head is passed on as one', async (t) => {
  const heard = await outcomeOf(t, ({ stream }) => {
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '5', 'grpc-message': 'no' },
      { endStream: true },
    );
  });
  t.equal(heard.outcome, '5 ');
  t.match(heard.head?.headers, 'grpc-message: no');
});

test('a head that says the status, whose stream is ended by a frame of its own, is passed on', async (t) => {
  const heard = await outcomeOf(t, ({ stream }) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '7' });
    setTimeout(() => stream.end(), 20);
  });
  t.equal(heard.outcome, '7 ');
});

test('what is no answer of gRPC gets the status that gRPC has for it', async (t) => {
  for (const [status, code] of [
    [401, 16],
    [403, 7],
    [404, 12],
    [400, 13],
    [429, 14],
    [502, 14],
    [503, 14],
    [418, 2],
  ] as const) {
    const heard = await outcomeOf(t, ({ stream }) => {
      stream.respond({ ':status': status, 'content-type': 'text/html' });
      stream.end('<html>secret</html>');
    });
    t.equal(heard.outcome, `${code} `, `HTTP ${status}`);
    t.notMatch(heard.head?.headers, 'secret');
    t.match(heard.head?.headers, `HTTP status ${status}`);
  }
});

test('another status with a grpc-status is believed', async (t) => {
  const heard = await outcomeOf(t, ({ stream }) => {
    stream.respond({ ':status': 503, 'content-type': 'application/grpc', 'grpc-status': '8' }, { endStream: true });
  });
  t.equal(heard.outcome, '8 ');
  t.equal(heard.head?.status, 200);
});

test('an answer without a status, of another type, or cut short is a bad response', async (t) => {
  const bad: Record<string, Answer> = {
    'no trailers': ({ stream }) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      stream.end(frame(Buffer.from('x')));
    },
    'an empty head': ({ stream }) =>
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { endStream: true }),
    'another type': ({ stream }) => {
      stream.respond({ ':status': 200, 'content-type': 'application/json' });
      stream.end('{}');
    },
    'no frames': ({ stream }) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      stream.end('hello');
    },
    'half a message': ({ stream }) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(frame(Buffer.from('abc')).subarray(0, 6));
    },
  };
  for (const [what, answer] of Object.entries(bad)) {
    t.equal((await outcomeOf(t, answer)).outcome, 'UPSTREAM_BAD_RESPONSE sent', what);
  }
});

test('a message that is longer than allowed ends the call before it has come', async (t) => {
  const { send, server } = await setUp(
    t,
    ({ stream }) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      stream.write(frame(Buffer.alloc(2000)).subarray(0, 10));
    },
    { maxAnswerBytes: 1000 },
  );
  const { heard } = send();
  await heard.done;
  t.equal(heard.outcome, 'UPSTREAM_BAD_RESPONSE sent');
  t.match(heard.text, /larger/);
  await until('the stream is reset', () => server.received[0]!.stream.closed);
});

test('many messages together may be longer than one may be', async (t) => {
  const heard = await outcomeOf(t, ({ stream }) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    for (let i = 0; i < 4; i++) stream.write(frame(Buffer.alloc(600_000)));
    stream.end();
  });
  t.equal(heard.body.length, 4 * 600_005);
});

test('a head and first message are told without waiting for what follows', async (t) => {
  const { send, server } = await setUp(t, ({ stream }) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.write(frame(Buffer.from('one')));
  });
  const { heard } = send();
  await until('the first message is there', () => heard.body.length === 8);
  t.equal(heard.trailers, null);
  server.received[0]!.stream.end(frame(Buffer.from('two')));
  await heard.done;
  t.notOk(heard.isWhole);
  t.equal(heard.trailers, 'grpc-status: 0\r\n');
});

test('a receiver that is full holds the endpoint until it goes on', async (t) => {
  const total = 64 << 20;
  let written = 0;
  const { send, server } = await setUp(
    t,
    ({ stream }) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      const message = frame(Buffer.alloc((1 << 20) - 5));
      const more = (): void => {
        while (written < total) {
          written += message.length;
          if (!stream.write(message)) return;
        }
        stream.end();
      };
      stream.on('drain', more);
      more();
    },
    { maxAnswerBytes: 2 << 20 },
  );
  const { heard, call } = send();
  let isOpen = false;
  heard.onPiece = () => isOpen;
  await until('something has come', () => heard.pieces.length > 0);
  let before = -1;
  await until('nothing more is written', () => before === (before = written), 200);
  t.ok(written < total / 4, `${written} bytes were written`);
  t.ok(heard.body.length < 1 << 20, 'nothing more is told');
  isOpen = true;
  call.resume();
  await heard.done;
  t.equal(heard.body.length, total);
  await until('the stream is closed', () => server.received[0]!.stream.closed);
});
