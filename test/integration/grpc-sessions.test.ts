import { Buffer } from 'node:buffer';
import type { ServerHttp2Stream } from 'node:http2';
import { setTimeout as pause } from 'node:timers/promises';

import { inferBytes } from '../support/grpc.ts';
import { startGrpcGateway } from '../support/grpc-gateway.ts';
import { answerCall, frame, Http2Client, startHttp2Server } from '../support/http2.ts';
import { test } from '../support/lanes.ts';
import { until } from '../support/traffic.ts';

const INFER = '/inference.GRPCInferenceService/ModelInfer';
const QUESTION = frame(inferBytes('m'));

test('connections to a model end when they are idle, though clients gave up answers that they did not read', async (t) => {
  const server = await startHttp2Server(({ stream, ended }) => {
    void ended.then(() => answerCall(stream, Buffer.alloc(600_000)));
  });
  const gateway = await startGrpcGateway([server.url], { backend: 'connections: 2, keepAlive: 300ms' });
  const client = new Http2Client(gateway.grpcUrl, { settings: { initialWindowSize: 1000 } });
  for (let i = 0; i < 5; i++) {
    const stream = client.begin(INFER);
    stream.on('error', () => {});
    const begun = new Promise((resolve) => stream.once('response', resolve));
    stream.end(QUESTION);
    await begun;
    stream.pause();
    stream.close(8);
  }
  await until('none is under way', async () => (await gateway.ledger()).aborted === 5);
  await until('no connection is left', () => server.sessions.every(({ destroyed }) => destroyed));
  t.ok(server.sessions.length > 0);
  client.close();
  await gateway.close();
  await server.close();
});

/** Numbers that look random and are the same in every run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Answers, refuses, resets, forgets or leaves, as the number says. */
function misbehave(stream: ServerHttp2Stream, ended: Promise<void>, draw: (below: number) => number): void {
  const answer = (): void => {
    if (!stream.destroyed && !stream.closed) answerCall(stream, Buffer.alloc(draw(3) === 0 ? 300_000 : 10));
  };
  const kind = draw(12);
  if (kind === 0) stream.close(draw(2) === 0 ? 8 : 7);
  else if (kind === 1) {
    stream.pause();
    answer();
  } else if (kind === 2) {
    stream.session?.goaway(0, stream.id ?? 0);
    void ended.then(answer);
  } else if (kind === 3) stream.session?.destroy();
  else if (kind > 4) void ended.then(() => (draw(2) === 0 ? answer() : setTimeout(answer, draw(30))));
}

test('whatever models and clients do, every call ends, and so does the gateway', async (t) => {
  const draw = numbers(4711);
  const server = await startHttp2Server(({ stream, ended }) => misbehave(stream, ended, draw), {
    settings: { maxConcurrentStreams: 20 },
  });
  const gateway = await startGrpcGateway([server.url], { backend: 'timeout: 500ms, connections: 4, queue: 50' });
  const many = async (): Promise<void> => {
    const client = new Http2Client(gateway.grpcUrl, {
      settings: { initialWindowSize: draw(2) === 0 ? 1000 : 100_000 },
    });
    for (let i = 0; i < 30 && !client.session.destroyed && !client.session.closed; i++) {
      const stream = client.begin(INFER);
      stream.on('error', () => {});
      const body = frame(inferBytes('m', 'x'.repeat(draw(3) === 0 ? 200_000 : 10)));
      const isCut = draw(6) === 0;
      stream.write(isCut ? body.subarray(0, draw(body.length)) : body);
      if (isCut) setTimeout(() => stream.close(8), draw(20));
      else stream.end();
      if (draw(3) === 0) setTimeout(() => stream.resume(), draw(60));
      else stream.resume();
      if (draw(10) === 0) setTimeout(() => stream.close(8), draw(40));
      if (draw(4) === 0) await pause(draw(8));
    }
    await pause(draw(200));
    client.close();
  };
  for (let i = 0; i < 3; i++) await Promise.all(Array.from({ length: 4 }, many));
  await until('nothing is under way', async () => (await gateway.ledger()).inflight === 0);
  const { started, completed, aborted } = await gateway.ledger();
  t.equal(completed + aborted, started);
  t.ok(started > 100, `${started} calls`);
  const inflight = /^makas_endpoint_inflight\{[^}]*\} (\d+)$/m.exec(await gateway.metrics())?.[1];
  t.equal(inflight, '0');
  const startMs = performance.now();
  await gateway.close();
  t.ok(performance.now() - startMs < 10_000, 'it does not wait for its connections');
  await server.close();
});

test('a model that hangs gets no more calls than its connections carry, and the others are refused', async (t) => {
  const server = await startHttp2Server(() => {});
  const gateway = await startGrpcGateway([server.url], {
    backend: 'connections: 1, queue: 5, timeout: 20s',
    grpc: 'maxStreams: 1000',
  });
  const client = new Http2Client(gateway.grpcUrl);
  const statuses: (string | string[] | undefined)[] = [];
  const begin = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const stream = client.begin(INFER);
      stream.on('error', () => {});
      stream.on('response', (headers) => statuses.push(headers['grpc-status'] as string | undefined));
      stream.end(QUESTION);
    }
  };
  begin(1);
  await until('it is there', () => server.received.length === 1);
  begin(300);
  await until('the rest is refused', () => statuses.length === 301 - 105);
  t.ok(statuses.every((status) => status === '14'));
  t.equal(server.received.length, 100);
  client.close();
  await until('all ended', async () => (await gateway.ledger()).inflight === 0);
  await gateway.close();
  await server.close();
});

test('a call that a model resets has the status of gRPC for it, with the error of the gateway in its metadata', async (t) => {
  let code = 0;
  let isBegun = false;
  const server = await startHttp2Server(({ stream, ended }) => {
    void ended.then(() => {
      if (!isBegun) return stream.close(code);
      // Without that it would be ended before it is reset.
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.write(frame(Buffer.from('part')));
      // The first part is on its way before the reset.
      setTimeout(() => stream.close(code), 100);
    });
  });
  const gateway = await startGrpcGateway([server.url]);
  const client = new Http2Client(gateway.grpcUrl);
  for (isBegun of [false, true]) {
    for (const [reset, status, error] of [
      [8, '1', 'UPSTREAM_RESET'],
      [2, '13', 'UPSTREAM_RESET'],
      [7, '14', 'UPSTREAM_RESET'],
      [11, '8', 'UPSTREAM_OVERLOADED'],
      [12, '7', 'UPSTREAM_RESET'],
    ] as const) {
      code = reset;
      const path = isBegun ? '/inference.GRPCInferenceService/ModelStreamInfer' : INFER;
      const { head, trailers } = await client.send(path, QUESTION);
      t.match(isBegun ? trailers : head, { 'grpc-status': status, 'makas-error': error }, `${reset} ${isBegun}`);
      t.ok(head?.['x-request-id']);
    }
  }
  client.close();
  await gateway.close();
  await server.close();
});
