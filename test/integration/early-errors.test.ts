import { writeFileSync } from 'node:fs';

import { prepareConfigText } from '../../src/config/prepare.ts';
import { oneRoute, startGateway } from '../support/gateway.ts';
import { test } from '../support/lanes.ts';
import { startServer, answerInfer } from '../support/model-server.ts';

test('errors that are answered before a request is opened are counted too', async (t) => {
  const model = await startServer(answerInfer('m'));
  t.teardown(() => model.close());
  const gateway = await startGateway(oneRoute([model.url]));
  t.teardown(() => gateway.close());
  await fetch(`${gateway.url}/nowhere`);
  await fetch(`${gateway.url}/v2/models/a/b/c`);
  await fetch(`${gateway.url}/v2/models/m/infer`);
  await fetch(`${gateway.url}/rewards`, { method: 'POST', body: '{', headers: { 'content-type': 'application/json' } });
  t.equal(await gateway.metric('makas_errors_total{code="PATH_NOT_FOUND"}'), 2);
  t.equal(await gateway.metric('makas_errors_total{code="METHOD_NOT_ALLOWED"}'), 1);
  t.equal(await gateway.metric('makas_errors_total{code="BAD_BODY"}'), 1);
});

test('a configuration with numbers beyond all measure is refused and never ends the gateway', async (t) => {
  const model = await startServer(answerInfer('m'));
  t.teardown(() => model.close());
  const gateway = await startGateway(oneRoute([model.url]));
  t.teardown(() => gateway.close());
  const good = oneRoute([model.url])(gateway.folder);
  for (const bad of [
    good.replace('limits: {  }', `limits: { body: ${'9'.repeat(400)}GiB }`),
    good.replace('limits: {  }', 'limits: { body: 999999999999GiB }'),
    good.replace('backend: main', 'split: { main: 1e308 }'),
  ]) {
    const prepared = prepareConfigText(bad);
    t.equal(prepared.snapshot, null);
    t.ok(prepared.problems.length > 0);
    await gateway.rewrite(bad);
    t.equal((await fetch(`${gateway.url}/v2/health/live`)).status, 200);
    t.equal(await gateway.metric('makas_config_last_reload_success'), 0);
  }
  const loadedAt = await gateway.metric('makas_config_last_reload_timestamp_seconds');
  writeFileSync(gateway.configPath, 'routes: 5\n');
  await gateway.app.reload('test');
  t.equal(await gateway.metric('makas_config_last_reload_timestamp_seconds'), loadedAt, 'only a success moves it');
  await gateway.rewrite(good);
  t.equal(await gateway.metric('makas_config_last_reload_success'), 1);
});
