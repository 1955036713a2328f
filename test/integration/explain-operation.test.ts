import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { configHead, startGateway } from '../support/gateway.ts';
import { test } from '../support/lanes.ts';
import { startServer } from '../support/model-server.ts';

test('an explanation gets the features and the arm that the prediction for the same unit gets, but no token', async (t) => {
  const server = await startServer((_request, response) => void response.writeHead(200).end('{}'));
  t.teardown(() => server.close());
  const gateway = await startGateway((folder) => {
    writeFileSync(join(folder, 'rows.jsonl'), '{"key":"u1","x":1.5}\n');
    return `${configHead(folder)}
backends:
  a: { protocol: kserve-v1, endpoints: ['${server.url}/a'] }
  b: { protocol: kserve-v1, endpoints: ['${server.url}/b'] }
features:
  f: { provider: embedded, path: '${join(folder, 'rows.jsonl')}', entity: { id: { from: 'column:user' } }, fields: { x: float }, into: { columns: append } }
routes:
  - { name: r, match: { model: m }, unit: 'header:x-user', rules: [{ enrich: [f], bandit: { policy: thompson, arms: [a, b], sticky: unit } }] }
`;
  });
  t.teardown(() => gateway.close());
  for (const user of ['ann', 'bob', 'cem', 'dan', 'eva', 'fay', 'gul', 'han']) {
    const ask = (verb: string): Promise<Response> =>
      fetch(`${gateway.url}/v1/models/m:${verb}`, {
        method: 'POST',
        headers: { 'x-user': user },
        body: '{"instances":[{"user":"u1"}]}',
      });
    t.match((await ask('predict')).headers.get('makas-decision'), /./);
    t.equal((await ask('explain')).headers.get('makas-decision'), null);
    const [predicted, explained] = server.received.splice(0);
    t.equal(String(explained?.body), '{"instances":[{"user":"u1","x":1.5}]}');
    t.equal(String(predicted?.body), String(explained?.body));
    t.equal(predicted?.url.slice(0, 2), explained?.url.slice(0, 2), 'the same arm');
  }
});
