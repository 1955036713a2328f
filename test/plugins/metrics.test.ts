import { fastify } from 'fastify';
import { test } from 'tap';

import { metrics } from '../../plugins/metrics.ts';
import { PromMetrics } from '../../src/edges/telemetry/metrics.ts';

test('GET /metrics gives Prometheus the format that it asks for', async (t) => {
  const prom = new PromMetrics();
  prom.counter('makas_errors_total', 'INTERNAL').inc(3);
  const app = fastify();
  t.teardown(() => app.close());
  await app.register(metrics, { render: (accept) => prom.render(accept) });
  const plain = await app.inject('/metrics');
  t.equal(plain.statusCode, 200);
  t.equal(plain.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  t.equal(plain.headers['cache-control'], 'no-store');
  t.match(plain.body, /^makas_errors_total\{code="INTERNAL"\} 3$/m);
  const open = await app.inject({ url: '/metrics', headers: { accept: 'application/openmetrics-text;version=1.0.0' } });
  t.equal(open.headers['content-type'], 'application/openmetrics-text; version=1.0.0; charset=utf-8');
  t.match(open.body, /# EOF\n$/);
});
