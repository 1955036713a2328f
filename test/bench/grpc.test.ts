import { once } from 'node:events';
import { connect } from 'node:http2';
import { createServer, type Server as NetServer } from 'node:net';
import { join } from 'node:path';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import { test, type Test } from 'tap';
import { freePort, startPinned, waitUntilReady } from '../../bench/child.ts';
import { gatewayCores } from '../../bench/cores.ts';
import { keepBytes } from '../../bench/grpc-client.ts';
import { isAnswering, probeCall, probeCalls } from '../../bench/grpc-probe.ts';
import { checkCalls } from '../../bench/load/grpc-check.ts';
import { firstCase, type GrpcCase } from '../../bench/scenario.ts';
import { grpc } from '../../bench/scenarios/grpc.ts';
import { answerFrames, frameMessage } from '../../bench/upstream/grpc-answer.ts';
import { startGrpcWitness } from '../../bench/upstream/grpc-witness.ts';
import { modelInferRequest, modelInferResponse } from '../support/grpc-protos.ts';

const CASE = firstCase(grpc);
const PEER = join(import.meta.dirname, '../../bench/peers/grpc-js-server.ts');
const SETTINGS_FRAMES = Buffer.from('000000040000000000000000040100000000', 'hex');

function portOf(server: NetServer): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** A server of gRPC that answers each user as told; null is a failure. */
async function serve(t: Test, answer: (user: string) => Buffer | null): Promise<number> {
  const server = new Server();
  server.register(
    CASE.call(0).path,
    (
      call: { readonly metadata: { get(name: string): unknown[] } },
      done: (error: object | null, message?: Buffer) => void,
    ) => {
      const message = answer(String(call.metadata.get('x-user-id')[0]));
      if (message === null) done({ code: status.UNAVAILABLE, details: 'away' });
      else done(null, message);
    },
    keepBytes,
    keepBytes,
    'unary',
  );
  t.teardown(() => server.forceShutdown());
  return await new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}

test('the call is a ModelInfer of four numbers for the model of the route, with a user of its own', (t) => {
  const { path, metadata, message } = CASE.call(7);
  t.equal(path, '/inference.GRPCInferenceService/ModelInfer');
  t.same(metadata, { 'x-user-id': 'user-7' });
  const request = modelInferRequest.decode(message);
  t.equal(request.model_name, 'iris');
  t.match(request.inputs, [{ name: 'input', datatype: 'FP32', shape: ['1', '4'] }]);
  t.equal(request.inputs?.[0]?.contents?.fp32_contents?.length, 4);
  t.equal(modelInferResponse.decode(CASE.answer).model_name, 'iris');
  t.not(CASE.call(8).metadata['x-user-id'], metadata['x-user-id']);
  t.end();
});

test('the frames of the upstream are a whole answer with status OK to another implementation of HTTP/2', async (t) => {
  const server = createServer((socket) => {
    let length = 0;
    socket.on('error', () => {});
    socket.write(SETTINGS_FRAMES);
    socket.on('data', (chunk: Buffer) => {
      const isFirst = length === 0;
      length += chunk.length;
      if (isFirst) socket.write(answerFrames(CASE.answer));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const session = connect(`http://127.0.0.1:${portOf(server)}`);
  t.teardown(() => session.destroy());
  const stream = session.request(
    { ':method': 'POST', ':path': CASE.call(0).path, te: 'trailers' },
    { endStream: true },
  );
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const trailers = once(stream, 'trailers');
  const [head] = await once(stream, 'response');
  t.equal(head[':status'], 200);
  t.equal(head['content-type'], 'application/grpc');
  const [fields] = await trailers;
  t.equal(fields['grpc-status'], '0');
  t.same(Buffer.concat(chunks), frameMessage(CASE.answer));
});

test('a probe takes only the right message with the right status, and says what was wrong', async (t) => {
  const right = await serve(t, () => CASE.answer);
  await t.resolves(probeCalls('some', right, CASE));
  const wrong = await serve(t, (user) => (user === 'user-0' ? Buffer.from('x') : CASE.answer));
  await t.rejects(probeCalls('some', wrong, CASE), /some gave a wrong answer to call 0: status 0, message 78\n/);
  await t.resolves(probeCall('some', wrong, CASE, 1));
  const failing = await serve(t, () => null);
  await t.rejects(probeCall('some', failing, CASE, 3), /some gave a wrong answer to call 3: status 14 away/);
});

test('a server of HTTP/2 is ready when it answers, and a silent or missing one is not', async (t) => {
  t.ok(await isAnswering(await serve(t, () => null)));
  t.notOk(await isAnswering(await freePort()));
  const silent = createServer((socket) => socket.on('error', () => {}));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.teardown(() => silent.close());
  t.notOk(await isAnswering(portOf(silent)));
});

test('what compares answers under load goes through all users and counts wrong status and wrong bytes apart', async (t) => {
  const own: GrpcCase = { ...CASE, requests: 20 };
  const users = new Set<string>();
  const right = await serve(t, (user) => {
    users.add(user);
    return CASE.answer;
  });
  const order = { case: own, connections: 1, seconds: 1, check: true };
  t.same(await checkCalls({ ...order, port: right }), { grpcStatus: 0, body: 0, unchecked: 0 });
  t.equal(users.size, 20);
  const wrong = await serve(t, (user) => {
    if (user === 'user-3') return null;
    return user === 'user-4' ? Buffer.from('x') : CASE.answer;
  });
  const { grpcStatus, body, unchecked } = await checkCalls({ ...order, port: wrong });
  t.ok(grpcStatus > 0 && body > 0, `${grpcStatus} with a wrong status, ${body} with a wrong body`);
  t.ok(Math.abs(grpcStatus - body) <= 8);
  t.equal(unchecked, 0);
});

test('the witness tells which messages and metadata did not reach it, on both of its addresses', async (t) => {
  const witness = await startGrpcWitness(CASE);
  t.teardown(witness.stop);
  t.throws(() => witness.assertForwarded('some', 0), /some forwarded call 0 wrongly/);
  await probeCall('straight', witness.port, CASE, 0);
  t.doesNotThrow(() => witness.assertForwarded('some', 0));
  t.throws(() => witness.assertForwarded('some', 1), /expected: \{"x-user-id":"user-1"\}/, 'same message, other user');
  witness.clear();
  t.throws(() => witness.assertForwarded('some', 0));
  const session = connect(`http://127.0.0.2:${witness.port}`);
  t.teardown(() => session.destroy());
  await t.resolves(once(session, 'connect'));
});

test('the proxy of grpc-js hands message and user on, and the status of a failure back', async (t) => {
  const witness = await startGrpcWitness(CASE);
  const port = await freePort();
  const args = [PEER, String(port), String(witness.port)];
  const child = startPinned({ cores: gatewayCores(1), command: process.execPath, args });
  t.teardown(child.stop);
  await waitUntilReady('grpc-js', child, () => isAnswering(port));
  for (const n of [0, 1, 500, 999]) {
    witness.clear();
    await probeCall('grpc-js', port, CASE, n);
    t.doesNotThrow(() => witness.assertForwarded('grpc-js', n));
  }
  await witness.stop();
  await t.rejects(probeCall('grpc-js', port, CASE, 0), /status 14/);
});
