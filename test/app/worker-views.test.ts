import { test } from 'tap';

import { sumBackends, sumShadows } from '../../src/app/worker-views.ts';
import { prepareConfigText } from '../../src/config/prepare.ts';
import type { ShadowDescription } from '../../src/gateway/mirror.ts';

const { snapshot } = prepareConfigText(`version: 1
backends:
  a: { protocol: oip, endpoints: [http://127.0.0.1:9001, http://127.0.0.1:9002] }
  b: { protocol: oip, endpoints: [http://127.0.0.1:9001] }
routes:
  - { name: r, rules: [{ backend: a }] }
`);

const endpoint = (port: number, up: boolean, inflight: number) => ({
  address: `http://127.0.0.1:${port}`,
  up,
  inflight,
});

const shadow = (more: Partial<ShadowDescription>): ShadowDescription => ({
  route: 'r',
  rule: 'live',
  backend: 'c',
  share: 1,
  inflight: 1,
  queued: 2,
  sent: 3,
  ok: 4,
  error: 5,
  timeout: 6,
  agree: 7,
  mismatch: 8,
  incomparable: 9,
  dropped: {
    queue_full: 1,
    body_too_large: 2,
    streamed: 8,
    deadline: 3,
    cancelled: 4,
    no_endpoint: 5,
    draining: 6,
    protocol: 7,
  },
  meanLatencyDifferenceMs: 10,
  ...more,
});

test('an endpoint is up when every worker chooses it, and its requests are those of all', (t) => {
  const backends = sumBackends(snapshot!, [
    [
      { name: 'a', endpoints: [endpoint(9001, true, 2), endpoint(9002, true, 1)] },
      { name: 'b', endpoints: [endpoint(9001, false, 0)] },
    ],
    [
      { name: 'a', endpoints: [endpoint(9001, true, 3), endpoint(9002, false, 4)] },
      // A worker that is still on the configuration before.
      { name: 'gone', endpoints: [endpoint(9009, true, 7)] },
    ],
  ]);
  t.same(
    backends.map(({ name, endpoints }) => ({ name, endpoints })),
    [
      { name: 'a', endpoints: [endpoint(9001, true, 5), endpoint(9002, false, 5)] },
      { name: 'b', endpoints: [endpoint(9001, false, 0)] },
    ],
  );
  t.match(backends[0], { protocol: 'oip', timeout_ms: 30_000 });
  t.match(
    sumBackends(snapshot!, [])[1],
    { endpoints: [endpoint(9001, true, 0)] },
    'without workers nothing is under way',
  );
  t.end();
});

test('the counts of a shadow are added, and the difference of latencies is weighted by the answers', (t) => {
  const [sum, ...others] = sumShadows([
    [shadow({}), shadow({ rule: 'other', meanLatencyDifferenceMs: null })],
    [shadow({ ok: 12, meanLatencyDifferenceMs: 2 }), shadow({ rule: 'other', meanLatencyDifferenceMs: null })],
  ]);
  t.match(sum, { rule: 'live', inflight: 2, queued: 4, sent: 6, ok: 16, error: 10, timeout: 12, agree: 14 });
  t.match(sum, { mismatch: 16, incomparable: 18, share: 1, dropped: { queue_full: 2, protocol: 14 } });
  t.equal(sum?.meanLatencyDifferenceMs, 4);
  t.match(others, [{ rule: 'other', meanLatencyDifferenceMs: null }]);
  t.equal(others.length, 1);
  t.end();
});

test('a backend that shadows one rule twice stays two', (t) => {
  const twice = [shadow({ share: 0.1 }), shadow({ share: 0.5 })];
  t.match(sumShadows([twice, twice]), [
    { share: 0.1, sent: 6 },
    { share: 0.5, sent: 6 },
  ]);
  t.same(sumShadows([]), []);
  t.end();
});
