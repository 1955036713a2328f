import { test } from 'tap';

import { serverAnswer } from '../../plugins/inference/server-paths.ts';
import type { HttpProtocol } from '../../src/core/facts.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { parseInferencePath } from '../../src/protocol/paths/inference-path.ts';
import { snapshotOf } from '../support/described.ts';

interface Answer {
  readonly status: number;
  readonly type: string | undefined;
  readonly body: string;
}

function answerAt(path: string, snapshot: Snapshot, isReady = true, only?: HttpProtocol): Answer | null {
  const meaning = parseInferencePath(path, only);
  const answer = meaning === null ? null : serverAnswer(meaning, snapshot, isReady);
  if (answer === null) return null;
  const length = /content-length: (\d+)/.exec(answer.headers)?.[1];
  if (Number(length) !== answer.body?.length) throw new Error('the length is wrong');
  const type = /content-type: ([^\r]*)/.exec(answer.headers)?.[1];
  return { status: answer.status, type, body: String(answer.body) };
}

const plain = snapshotOf('routes: []');

test('while Makas is not ready, the probes of every protocol say so', async (t) => {
  const probes: readonly (readonly [string, HttpProtocol?])[] = [
    ['/v2/health/ready'],
    ['/ping'],
    ['/health'],
    ['/ping', 'sagemaker'],
    ['/health', 'openai'],
    ['/ready'],
    ['/api/v1.0/health/status'],
    ['/-/healthz', 'ray-serve'],
  ];
  for (const [path, only] of probes) {
    t.equal(answerAt(path, plain, true, only)?.status, 200, path);
    t.equal(answerAt(path, plain, false, only)?.status, 503, path);
  }
  for (const path of ['/', '/v2/health/live', '/live']) t.equal(answerAt(path, plain, false)?.status, 200, path);
  t.same(JSON.parse(answerAt('/v2/health/live', plain, false)?.body ?? ''), { live: true, ready: false });
  t.match(answerAt('/ready', plain, false)?.body, /"FAILURE"/);
});

test('what is about a model is not answered here', async (t) => {
  for (const path of [
    '/v2/models/m',
    '/v2/models/m/ready',
    '/v2/models/stats',
    '/v2/models/infer',
    '/v2/repository/index',
    '/v2/logging',
    '/v1/models/m',
    '/v1/models/m/metadata',
    '/invocations',
    '/api/v1.0/metadata',
    '/api/v1.0/status',
    '/api/v1.0/feedback',
    '/v1/chat/completions',
  ]) {
    t.not(parseInferencePath(path), null, path);
    t.equal(answerAt(path, plain), null, path);
  }
});

const mixed = snapshotOf(`
  llm: { protocol: openai, endpoints: ["http://127.0.0.1:9004"] }
  income: { protocol: kserve-v1, endpoints: ["http://127.0.0.1:9005"] }
routes:
  - { name: chat, match: { model: [chat, embed], protocol: openai }, rules: [{ backend: llm }] }
  - { name: talk, match: { model: talk }, rules: [{ backend: llm }] }
  - { name: income, match: { model: income, protocol: { not: oip } }, rules: [{ backend: income }] }
  - { name: iris, match: { model: iris, protocol: [oip, oip-grpc], headers: { x-tier: beta } }, rules: [{ backend: iris-v1 }] }
`);

test('a list of models names those that its protocol may get an answer from', async (t) => {
  const idsOf = (data: readonly { id: string }[]) => data.map(({ id }) => id);
  const list = (path: string) =>
    JSON.parse(answerAt(path, mixed)?.body ?? '') as { models: string[]; data: { id: string }[] };
  t.same(list('/v2/models'), { models: ['iris'] });
  t.same(list('/v1/models').models, ['income']);
  t.same(idsOf(list('/v1/models').data), ['chat', 'embed', 'talk']);
  t.same(list('/openai/v1/models'), {
    object: 'list',
    data: ['chat', 'embed', 'talk'].map((id) => ({ id, object: 'model', created: 0, owned_by: 'makas' })),
  });
});

test('a model of the list is found by itself, every other one is unknown', async (t) => {
  t.same(JSON.parse(answerAt('/openai/v1/models/chat', mixed)?.body ?? ''), {
    id: 'chat',
    object: 'model',
    created: 0,
    owned_by: 'makas',
  });
  t.equal(answerAt('/v1/models/talk', mixed, true, 'openai')?.status, 200);
  for (const name of ['iris', 'nothing']) {
    const answer = answerAt(`/openai/v1/models/${name}`, mixed);
    t.equal(answer?.status, 404);
    t.match(JSON.parse(answer?.body ?? ''), { error: { type: 'not_found_error' } });
  }
});

test('metadata names the extensions that are open', async (t) => {
  const extensionsOf = (snapshot: Snapshot) =>
    (JSON.parse(answerAt('/v2', snapshot)?.body ?? '') as { extensions: string[] }).extensions;
  t.same(extensionsOf(plain), ['binary_tensor_data', 'parameters']);
  const triton = (allow: string) =>
    snapshotOf(`
  llm: { protocol: triton, endpoints: ["http://127.0.0.1:9004"] }
routes: [{ name: all, ${allow}rules: [{ backend: llm }] }]
`);
  const open = ['binary_tensor_data', 'parameters', 'classification', 'model_configuration', 'statistics', 'generate'];
  t.same(extensionsOf(triton('')), open);
  t.same(extensionsOf(triton('allow: [repository, shared-memory], ')), [
    ...open,
    'model_repository',
    'system_shared_memory',
    'cuda_shared_memory',
  ]);
});
