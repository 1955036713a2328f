import { status } from '@grpc/grpc-js';

import { GrpcClient, inferAnswering, inferRequest, startModel } from '../support/grpc.ts';
import { startGrpcGateway } from '../support/grpc-gateway.ts';
import { test } from '../support/lanes.ts';
import { until } from '../support/traffic.ts';

test('two workers share the ports, answer calls, and end without losing one', async (t) => {
  const model = await startModel(inferAnswering('m'));
  const gateway = await startGrpcGateway([model.url], { more: 'workers: 2' });
  t.teardown(() => model.close());
  // The system spreads connections over those that listen.
  const clients = Array.from({ length: 16 }, () => new GrpcClient(gateway.grpcUrl));
  const answers = await Promise.all(
    clients.flatMap((client) => Array.from({ length: 5 }, () => client.unary('ModelInfer', inferRequest('m')))),
  );
  t.strictSame([...new Set(answers.map(({ code }) => code))], [status.OK]);
  const ready = await clients[0]!.unary('ServerReady', {});
  t.strictSame(ready.message, { ready: true });
  await until('all are counted', async () => (await gateway.ledger()).completed === 80);
  const under = clients.map((client) => client.unary('ModelInfer', inferRequest('m')));
  const closed = gateway.close();
  for (const { code } of await Promise.all(under)) t.ok(code === status.OK || code === status.UNAVAILABLE);
  for (const client of clients) client.close();
  await closed;
});
