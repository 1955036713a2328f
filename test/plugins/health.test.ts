import { fastify } from 'fastify';
import { test, type Test } from 'tap';

import { health, type Readiness } from '../../plugins/health.ts';
import { errorRegistry } from '../../src/core/errors.ts';

async function setUp(t: Test, state: Readiness) {
  const app = fastify();
  t.teardown(() => app.close());
  await app.register(health, { readiness: () => state });
  return app;
}

const fine: Readiness = { isLoaded: true, isDraining: false, degraded: [] };

test('the process is alive whatever its readiness is', async (t) => {
  const app = await setUp(t, { isLoaded: false, isDraining: true, degraded: ['state'] });
  const answer = await app.inject('/livez');
  t.equal(answer.statusCode, 200);
  t.same(answer.json(), { live: true });
});

test('it is ready when a configuration is loaded, also when it works without something', async (t) => {
  const app = await setUp(t, { ...fine, degraded: ['features', 'rewards'] });
  const answer = await app.inject('/readyz');
  t.equal(answer.statusCode, 200);
  t.equal(answer.headers['makas-error'], undefined);
  t.same(answer.json(), { ready: true, reasons: [], degraded: ['features', 'rewards'] });
});

test('it is not ready before the first configuration, nor while it drains, and says why', async (t) => {
  const notLoaded = await (await setUp(t, { ...fine, isLoaded: false })).inject('/readyz');
  t.equal(notLoaded.statusCode, 503);
  t.equal(notLoaded.headers['makas-error'], 'NOT_READY');
  t.same(notLoaded.json(), {
    ready: false,
    reasons: [{ code: 'NOT_READY', message: errorRegistry.NOT_READY.message }],
    degraded: [],
  });
  const draining = await (await setUp(t, { ...fine, isDraining: true })).inject('/readyz');
  t.equal(draining.statusCode, 503);
  t.equal(draining.headers['makas-error'], 'DRAINING');
  t.match(draining.json(), { ready: false, reasons: [{ code: 'DRAINING' }] });
});
