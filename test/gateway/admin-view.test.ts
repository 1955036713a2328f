import { test } from 'tap';

import { describeBackends, describeRoutes } from '../../src/gateway/admin-view.ts';
import { Live, openPools } from '../../src/gateway/live.ts';
import { UndiciUpstream } from '../../src/edges/upstream/undici-upstream.ts';
import { snapshotOf } from '../support/described.ts';

const snapshot = snapshotOf(`
  guarded:
    protocol: oip
    endpoints: ["http://127.0.0.1:9004/m", "http://127.0.0.1:9005"]
    headers: { authorization: Bearer opensesame }
    connections: 8
    queue: 16
routes:
  - name: iris
    match: { model: iris }
    unit: header:x-user-id
    expose: true
    rules:
      - { name: testers, when: { headers: { x-tier: beta } }, backend: guarded, timeout: 2s, log: { sample: 10% } }
      - name: canary
        when: { headers: { x-tier: canary } }
        split: { iris-v1: 75, iris-v2: 25 }
        shadow: [{ backend: iris-v3, share: 10%, compare: { labels: true } }]
      - name: live
        bandit: { policy: thompson, arms: [iris-v1, iris-v2] }
`);

test('routes are shown in order with their conditions, choices and shadows', (t) => {
  t.match(describeRoutes(snapshot), [
    {
      name: 'iris',
      match: [/model.*iris/],
      unit: 'header:x-user-id',
      expose: true,
      rules: [
        { name: 'testers', when: [/x-tier.*beta/], backend: 'guarded', timeout_ms: 2000, log_share: 0.1, shadows: [] },
        {
          name: 'canary',
          split: [
            { backend: 'iris-v1', share: 0.75 },
            { backend: 'iris-v2', share: 0.25 },
          ],
          shadows: [{ backend: 'iris-v3', share: 0.1, start: 'after', compare: true }],
        },
        { name: 'live', when: [], bandit: /./, timeout_ms: null },
      ],
    },
  ]);
  t.end();
});

test('backends are shown with what their endpoints do now, and never with values of headers', async (t) => {
  const upstream = new UndiciUpstream();
  t.teardown(() => upstream.close());
  const live = new Live(snapshot, openPools(snapshot, upstream), [], () => {});
  const backend = snapshot.backends.find(({ name }) => name === 'guarded')!;
  const [first, second] = live.poolsOf(backend);
  first!.inflight = 2;
  second!.downUntilMs = 100;
  const shownAt = (steadyMs: number) => describeBackends(live, steadyMs)[backend.index];
  t.match(shownAt(99), {
    name: 'guarded',
    headers: ['authorization'],
    pool: { connections: 8, queue: 16 },
    endpoints: [
      { address: 'http://127.0.0.1:9004/m', up: true, inflight: 2 },
      { address: 'http://127.0.0.1:9005', up: false, inflight: 0 },
    ],
  });
  t.match(shownAt(100), { endpoints: [{ up: true }, { up: true }] });
  t.notMatch(JSON.stringify(describeBackends(live, 0)), /opensesame/);
});
