import { test } from 'tap';

import type { Snapshot } from '../../src/core/snapshot.ts';
import { createSplit } from '../../src/core/split.ts';
import { describeBackends, describeRoutes } from '../../src/gateway/admin-view.ts';

const condition = (...texts: string[]) => ({ parts: texts.map((text) => ({ text })) });
const backend = {
  name: 'v1',
  index: 0,
  protocol: 'oip',
  model: null,
  version: null,
  timeoutMs: 500,
  headers: [['authorization', 'Bearer secret']],
  connection: { connections: 8, queue: 16, connectTimeoutMs: 100, keepAliveMs: 4000 },
};
const rule = { when: condition(), enrich: [], shadows: [], timeoutMs: null, retries: 1, logShare: 0 };

test('routes are shown in order with their conditions, choices and shadows', (t) => {
  const snapshot = {
    routes: [
      {
        name: 'iris',
        match: condition('model = "iris"'),
        unitText: 'header:x-user-id',
        expose: true,
        rules: [
          {
            ...rule,
            name: 'testers',
            when: condition('headers.x-tier = "beta"'),
            choice: { kind: 'backend', backend },
          },
          {
            ...rule,
            name: 'canary',
            enrich: [{ name: 'flower' }],
            choice: { kind: 'split', arms: [backend, { ...backend, name: 'v2' }], split: createSplit([3, 1]) },
            shadows: [{ backend: { name: 'v3' }, share: 0.1, start: 'after', compare: null }],
          },
          { ...rule, name: 'live', choice: { kind: 'bandit', bandit: { name: 'learner' } } },
        ],
      },
    ],
  } as unknown as Snapshot;
  t.match(describeRoutes(snapshot), [
    {
      name: 'iris',
      match: ['model = "iris"'],
      unit: 'header:x-user-id',
      expose: true,
      rules: [
        { name: 'testers', when: ['headers.x-tier = "beta"'], backend: 'v1' },
        {
          name: 'canary',
          enrich: ['flower'],
          split: [
            { backend: 'v1', share: 0.75 },
            { backend: 'v2', share: 0.25 },
          ],
          shadows: [{ backend: 'v3', share: 0.1, start: 'after', compare: false }],
        },
        { name: 'live', bandit: 'learner' },
      ],
    },
  ]);
  t.end();
});

test('backends are shown with what their endpoints do now, and never with values of headers', (t) => {
  const endpoint = { origin: 'http://127.0.0.1:9001', prefix: '/m', id: 'a' };
  const poolsOf = () => [
    { endpoint, inflight: 2, downUntilMs: 100 },
    { endpoint: { ...endpoint, prefix: '' }, inflight: 0, downUntilMs: 0 },
  ];
  const shown = describeBackends({ snapshot: { backends: [backend] } as unknown as Snapshot, poolsOf }, 50);
  t.match(shown, [
    {
      name: 'v1',
      headers: ['authorization'],
      pool: { connections: 8, queue: 16 },
      endpoints: [
        { address: 'http://127.0.0.1:9001/m', up: false, inflight: 2 },
        { address: 'http://127.0.0.1:9001', up: true, inflight: 0 },
      ],
    },
  ]);
  t.notMatch(JSON.stringify(shown), /secret/);
  t.end();
});
