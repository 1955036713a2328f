import { type ServerHttp2Stream, type Settings } from 'node:http2';

import { test, type Test } from 'tap';

import type { Session } from '../../../src/edges/http2/client-side.ts';
import { socketConnect } from '../../../src/edges/http2/client-session.ts';
import { frameMessage } from '../../../src/protocol/grpc/frame.ts';
import { inferAnswering, inferBytes, type Message, startModel } from '../../support/grpc.ts';
import { frame, startHttp2Server } from '../../support/http2.ts';
import { until } from '../../support/traffic.ts';
import { Answer, Owner } from './client-fixtures.ts';

const TYPE = 'content-type: application/grpc\r\nte: trailers\r\n';
const SERVICE = '/inference.GRPCInferenceService';

async function connectTo(t: Test, url: string): Promise<Session> {
  const session = socketConnect({ origin: url, connectTimeoutMs: 1000 })(new Owner());
  t.teardown(() => session.destroy());
  await until('it is ready', () => session.room > 0);
  return session;
}

/** Sends back what comes. */
function echo(stream: ServerHttp2Stream): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'x-bytes': 'é' }));
  stream.pipe(stream);
}

test('node:http2 as the endpoint: the same bytes both ways, whatever its settings', async (t) => {
  const kinds: Record<string, Settings> = {
    'as they are by default': {},
    'no table': { headerTableSize: 0 },
    'a small window': { initialWindowSize: 1000 },
    'long frames': { maxFrameSize: 1 << 20, initialWindowSize: 4 << 20 },
  };
  for (const [what, settings] of Object.entries(kinds)) {
    const server = await startHttp2Server(({ stream }) => echo(stream), { settings });
    t.teardown(() => server.close());
    const session = await connectTo(t, server.url);
    const calls = [0, 1, 5, 1000, 70_000, 3_000_000].flatMap((size) => {
      const body = Buffer.alloc(size, `${size}-`);
      const whole = new Answer();
      session.begin('/s/m', TYPE, body, whole);
      const pieces = new Answer();
      const stream = session.begin('/s/m', TYPE, null, pieces);
      for (let at = 0; at < size; at += 50_000) stream.data(body.subarray(at, at + 50_000));
      stream.end();
      return [
        { body, heard: whole },
        { body, heard: pieces },
      ];
    });
    await until(`${what}: all are answered`, () => calls.every(({ heard }) => heard.isOver));
    for (const { body, heard } of calls) {
      t.ok(heard.body.equals(body), `${what}: ${body.length} octets`);
      t.equal(heard.trailers, 'grpc-status: 0\r\nx-bytes: é\r\n');
    }
    t.equal(session.calls, 0);
  }
});

test('@grpc/grpc-js as the endpoint: calls with one message and with many', async (t) => {
  const model = await startModel({
    ...inferAnswering('m'),
    ModelStreamInfer: (call: {
      on(event: 'data', listener: (message: Message) => void): void;
      on(event: 'end', listener: () => void): void;
      write(message: Message): void;
      end(): void;
    }) => {
      call.on('data', (message) => call.write({ error_message: String(message['id']) }));
      call.on('end', () => call.end());
    },
  });
  t.teardown(() => model.close());
  const session = await connectTo(t, model.url);
  for (let i = 0; i < 3; i++) {
    const calls = Array.from({ length: 40 }, (_, n) => {
      const heard = new Answer();
      session.begin(`${SERVICE}/ModelInfer`, TYPE, frameMessage(inferBytes('m', `call ${n}`)), heard);
      return heard;
    });
    await until('all are answered', () => calls.every(({ isOver }) => isOver));
    for (const [n, { trailers, body }] of calls.entries()) {
      t.match(trailers, 'grpc-status: 0\r\n');
      t.match(body.toString('latin1'), `call ${n}`);
    }
  }
  const none = new Answer();
  session.begin(`${SERVICE}/Unknown`, TYPE, frame(Buffer.alloc(0)), none);
  const many = new Answer();
  const stream = session.begin(`${SERVICE}/ModelStreamInfer`, TYPE, null, many);
  for (let i = 0; i < 50; i++) stream.data(frameMessage(inferBytes('m', `message ${i}.`)));
  await until('the stream has begun', () => many.body.includes('message 49.'));
  stream.end();
  await until('both are over', () => none.isOver && many.isOver);
  t.match(`${none.headers}${none.trailers}`, 'grpc-status: 12\r\n');
  t.match(many.trailers, 'grpc-status: 0\r\n');
});
