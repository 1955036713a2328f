import { createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';

import { inferRequest } from '../support/grpc.ts';
import { clientOf, startGrpcGateway } from '../support/grpc-gateway.ts';
import { test } from '../support/lanes.ts';

test('the text of an error comes with the spaces that it begins and ends with', async (t) => {
  const texts = ['Exception calling application: ', ' at the beginning', '  both  ', ' ', 'no space'];
  let text = '';
  let isHeadOnly = false;
  // As grpcio writes it: it escapes neither.
  const server = createServer().on('stream', (stream: ServerHttp2Stream) => {
    stream.resume();
    stream.on('error', () => {});
    const status = { 'grpc-status': '2', 'grpc-message': text };
    if (isHeadOnly) {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...status }, { endStream: true });
      return;
    }
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers(status));
    stream.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const gateway = await startGrpcGateway([`http://127.0.0.1:${port}`]);
  const client = clientOf(gateway);
  t.teardown(async () => {
    client.close();
    await gateway.close();
    server.close();
  });
  for (isHeadOnly of [true, false]) {
    for (text of texts) t.match(await client.unary('ModelInfer', inferRequest('m')), { code: 2, details: text }, text);
  }
});
