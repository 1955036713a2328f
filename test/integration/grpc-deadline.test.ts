import { inferBytes } from '../support/grpc.ts';
import { startGrpcGateway } from '../support/grpc-gateway.ts';
import { answerCall, frame, Http2Client, startHttp2Server } from '../support/http2.ts';
import { test } from '../support/lanes.ts';

const INFER = '/inference.GRPCInferenceService/ModelInfer';

test('a model gets one deadline, whatever the client says of its own, and the fields that only look like one', async (t) => {
  const server = await startHttp2Server(({ stream }) => answerCall(stream, Buffer.alloc(0)));
  const gateway = await startGrpcGateway([server.url], { backend: 'timeout: 3s' });
  const client = new Http2Client(gateway.grpcUrl);
  t.teardown(async () => {
    client.close();
    await gateway.close();
    await server.close();
  });
  const body = frame(inferBytes('m'));
  const said = [
    {},
    { 'grpc-timeout': '2S' },
    { 'grpc-timeout': ['2S', '60S'] },
    { 'x-grpc-timeout': 'grpc-timeout: 1S', 'grpc-timeout': '2S', 'grpc-timeout-x': '1' },
  ];
  for (const fields of said) await client.send(INFER, body, fields);
  t.equal(server.received.length, said.length);
  for (const [i, { headers }] of server.received.entries()) {
    const timeout = String(headers['grpc-timeout']);
    t.match(timeout, /^\d+m$/);
    const ms = parseInt(timeout, 10);
    // Two deadlines are none.
    t.ok(i % 2 === 0 ? ms > 2000 && ms <= 3000 : ms > 1000 && ms <= 2000, timeout);
  }
  const last = server.received.at(-1)?.headers;
  t.equal(last?.['x-grpc-timeout'], 'grpc-timeout: 1S');
  t.equal(last?.['grpc-timeout-x'], '1');
});
