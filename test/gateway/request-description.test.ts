import { test } from 'tap';

import { compileMounts } from '../../src/config/compile/mounts.ts';
import type { Mount } from '../../src/core/snapshot.ts';
import { describedRequestId, factsOf } from '../../src/gateway/request-description.ts';

const path = '/v2/models/iris/infer';

function problemsOf(description: unknown, prefix = ''): readonly string[] {
  const described = factsOf(description, prefix, 0);
  return described.ok ? [] : described.problems;
}

test('a description becomes the facts that the gateway would have', async (t) => {
  const described = factsOf(
    {
      method: 'POST',
      path: `/team${path}?a=1`,
      headers: { 'X-Tier': 'ç', 'x-list': ['a', 'b'], 'X-Request-Id': 'r-9' },
      body: { a: 1 },
    },
    '/team',
    42,
  );
  if (!described.ok) throw new Error(described.problems.join());
  const { facts } = described;
  t.match(facts, {
    method: 'POST',
    path,
    query: 'a=1',
    model: 'iris',
    protocol: 'oip',
    operation: 'infer',
    requestId: 'r-9',
    timeMs: 42,
  });
  t.equal(facts.header('x-tier'), 'ç');
  t.equal(facts.header('x-list'), 'a, b');
  t.equal(facts.field(['a']), 1);
});

test('method, headers and body may be left out; the request id is then a fixed one', async (t) => {
  for (const headers of [undefined, { 'x-request-id': 'not acceptable' }]) {
    const described = factsOf({ path: '/v1/models/iris', ...(headers === undefined ? {} : { headers }) }, '', 0);
    t.match(described, { ok: true, facts: { method: 'GET', requestId: describedRequestId } });
  }
});

test('a body of text is the body as it is', async (t) => {
  const described = factsOf({ path, body: '{"a":2}' }, '', 0);
  t.equal(described.ok && described.facts.field(['a']), 2);
});

test('all that is wrong with a description is told', async (t) => {
  t.match(problemsOf([]), [/JSON object/]);
  t.match(problemsOf({}), [/path is missing/]);
  t.match(problemsOf({ path: 1 }), [/path must be a text/]);
  t.match(problemsOf({ path: '/nothing' }), [/no path of a protocol/]);
  t.match(problemsOf({ path }, '/team'), [/path must begin with "\/team\/"/]);
  t.match(problemsOf({ path, method: 'GET' }), [/method must be POST/]);
  t.match(problemsOf({ path, headers: [] }), [/headers must be an object/]);
  t.equal(problemsOf({ path, headers: { a: 1, b: [2] }, boddy: 1, method: 5 }).length, 4);
});

const mounts: readonly Mount[] = compileMounts([
  { prefix: '/wine', protocol: 'mlflow', model: 'wine' },
  { host: 'any.example', protocol: 'mlflow', modelFrom: 'header:x-model' },
  { prefix: '/app', protocol: 'ray-serve', model: 'app', methods: ['GET', 'PUT'] },
  { prefix: '/llm', protocol: 'openai' },
]);

test('a request at a mount is described as a client sends it', async (t) => {
  const modelOf = (description: object): string => {
    const described = factsOf(description, '/team', 0, mounts);
    if (!described.ok) return described.problems.join('; ');
    const { method, path: found, protocol, model } = described.facts;
    return `${method} ${found} ${protocol} ${model}`;
  };
  t.equal(modelOf({ path: '/wine/invocations' }), 'POST /invocations mlflow wine');
  t.equal(modelOf({ path: '/team/invocations' }), 'POST /invocations mlflow ');
  const host = { Host: 'any.example:80', 'X-Model': 'beer' };
  t.equal(modelOf({ path: '/invocations', headers: host }), 'POST /invocations mlflow beer');
  t.equal(modelOf({ path: '/app/x', method: 'PUT' }), 'PUT /x ray-serve app');
  t.equal(modelOf({ path: '/app/x' }), 'GET /x ray-serve app');
  t.match(modelOf({ path: '/app/x', method: 'POST' }), /method must be GET or PUT/);
  t.equal(
    modelOf({ path: '/llm/v1/chat/completions', body: { model: 'chat' } }),
    'POST /v1/chat/completions openai chat',
  );
  t.match(modelOf({ path: '/invocations' }), /no path of a protocol/);
});

test('the model of a header is the one that counts', async (t) => {
  const headers = { 'seldon-model': 'other' };
  t.match(factsOf({ path, headers }, '', 0), { ok: true, facts: { model: 'other', path: '/v2/models/other/infer' } });
  t.match(problemsOf({ path, headers: { 'seldon-model': 'a/b' } }), [/header seldon-model names a model/]);
});

test('of two methods the usual one is taken', async (t) => {
  const methodOf = (description: object) => {
    const described = factsOf({ path: '/v2/trace/setting', ...description }, '', 0);
    return described.ok && described.facts.method;
  };
  t.equal(methodOf({}), 'GET');
  t.equal(methodOf({ body: { trace_level: ['OFF'] } }), 'POST');
  t.equal(methodOf({ method: 'POST' }), 'POST');
});

test('a gRPC call is described by the path of its method and its message as JSON', async (t) => {
  const callOf = (method: string, body?: unknown, headers = {}) => {
    const described = factsOf({ path: `/${method}`, headers, body }, '/team', 0, [], ['own.Rays']);
    if (!described.ok) return described.problems.join('; ');
    const { protocol, operation, model, version } = described.facts;
    return [protocol, operation, model, version].join(' ').trimEnd();
  };
  const infer = 'inference.GRPCInferenceService/ModelInfer';
  t.equal(callOf(infer, { model_name: 'm', model_version: '2' }), 'oip-grpc infer m 2');
  t.equal(callOf(infer), 'oip-grpc infer');
  t.match(callOf(infer, 'text'), /body must be an object/);
  const overridden = callOf(infer, { model_name: 'm', inputs: [] }, { 'seldon-model': 'other' });
  t.equal(overridden, 'oip-grpc infer other', 'as metadata names it');
  t.equal(
    callOf('inference.GRPCInferenceService/ModelStreamInfer', undefined, { 'seldon-model': 'o' }),
    'oip-grpc infer-stream o',
  );
  const load = 'inference.GRPCInferenceService/RepositoryModelLoad';
  t.equal(callOf(load, { repository_name: 'm' }), 'oip-grpc model-load m', 'field 1, where KServe has the name');
  t.equal(callOf(load, { repository_name: '', model_name: 'm' }, { 'seldon-model': 'o' }), 'oip-grpc model-load m');
  t.match(callOf(load, { repository_name: 'r', model_name: 'm' }), /name two models/);
  t.match(callOf('inference.GRPCInferenceService/Nothing'), /path must begin/);
  const predict = 'tensorflow.serving.PredictionService/Predict';
  t.equal(callOf(predict, { model_spec: { name: 'm', version: 3 } }), 'tfserving-grpc infer m 3');
  const multi = 'tensorflow.serving.PredictionService/MultiInference';
  t.equal(callOf(multi, { tasks: [{ model_spec: { name: 'm' } }] }), 'tfserving-grpc infer m');
  t.equal(callOf('seldon.protos.Seldon/Predict', {}, { seldon: 'd' }), 'seldon-v1-grpc infer d');
  t.equal(callOf('own.Rays/Any', {}, { application: 'a' }), 'ray-serve-grpc call a');
});

test('conditions read the parameters of a described ModelInfer', async (t) => {
  const body = { model_name: 'm', parameters: { age: 17 } };
  const described = factsOf({ path: '/inference.GRPCInferenceService/ModelInfer', body }, '', 0);
  t.equal(described.ok && described.facts.field(['parameters', 'age']), 17);
  t.match(problemsOf({ path: '/inference.GRPCInferenceService/ModelInfer', method: 'GET' }), [/method must be POST/]);
});
