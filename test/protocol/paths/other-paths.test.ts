import { test } from 'tap';

import type { Operation } from '../../../src/core/facts.ts';
import { parseMlflowPath } from '../../../src/protocol/paths/mlflow.ts';
import { parseOpenAiPath } from '../../../src/protocol/paths/openai.ts';
import { parseRayServePath } from '../../../src/protocol/paths/ray-serve.ts';
import { parseSeldonV1Path } from '../../../src/protocol/paths/seldon-v1.ts';

type Row = readonly [path: string, Operation, method: string];

test('MLflow scoring servers have four paths, SageMaker containers two of them', async (t) => {
  const common: readonly Row[] = [
    ['/invocations', 'infer', 'POST'],
    ['/ping', 'server-ready', 'GET'],
  ];
  const more: readonly Row[] = [
    ['/health', 'server-ready', 'GET'],
    ['/version', 'server-metadata', 'GET'],
  ];
  for (const [path, operation, method] of [...common, ...more]) {
    t.match(parseMlflowPath(path, 'mlflow'), { protocol: 'mlflow', operation, methods: [method], model: '' }, path);
  }
  for (const [path, operation] of common)
    t.match(parseMlflowPath(path, 'sagemaker'), { protocol: 'sagemaker', operation });
  for (const [path] of more) t.equal(parseMlflowPath(path, 'sagemaker'), null, path);
  for (const path of ['/', '/invocations/', '/Ping', '/metrics']) t.equal(parseMlflowPath(path, 'mlflow'), null, path);
});

test('Seldon Core 1 has its paths under two versions, and the name of a node is none of a model', async (t) => {
  const rows: readonly Row[] = [
    ['predictions', 'infer', 'POST'],
    ['feedback', 'feedback', 'POST'],
    ['metadata', 'model-metadata', 'GET'],
    ['metadata/classifier', 'model-metadata', 'GET'],
    ['status', 'model-status', 'GET'],
    ['status/classifier', 'model-status', 'GET'],
    ['health/status', 'server-ready', 'GET'],
  ];
  for (const [path, operation, method] of rows) {
    for (const version of ['v1.0', 'v0.1']) {
      const meaning = { protocol: 'seldon-v1', operation, methods: [method], model: '' };
      t.match(parseSeldonV1Path(`/api/${version}/${path}`), meaning, path);
    }
  }
  t.match(parseSeldonV1Path('/live'), { operation: 'server-live' });
  t.match(parseSeldonV1Path('/ready'), { operation: 'server-ready' });
  t.match(parseSeldonV1Path('/health/status'), { operation: 'server-ready' });
  for (const path of [
    '/api/v2.0/predictions',
    '/api/v1x0/predictions',
    '/api/v1.0/predictions/',
    '/api/v1.0/predictions/node',
    '/api/v1.0/feedback/node',
    '/api/v1.0/metadata/a/b',
    '/api/v1.0/health/status/a',
    '/api/v1.0/doc/',
    '/predict',
    'predictions',
    'metadata',
  ]) {
    t.equal(parseSeldonV1Path(path), null, path);
  }
});

test('OpenAI has its paths with and without the prefix of KServe, and the list of models alone under it', async (t) => {
  const rows: readonly (readonly [string, Operation])[] = [
    ['chat/completions', 'chat'],
    ['completions', 'completions'],
    ['responses', 'responses'],
    ['embeddings', 'embeddings'],
    ['rerank', 'rerank'],
  ];
  for (const [path, operation] of rows) {
    for (const prefix of ['/v1/', '/openai/v1/']) {
      const meaning = { protocol: 'openai', operation, methods: ['POST'], model: '' };
      t.match(parseOpenAiPath(prefix + path, false), meaning, path);
    }
  }
  const name = 'meta-llama/Llama-3.2-1B';
  t.match(parseOpenAiPath(`/openai/v1/models/${name}`, false), { operation: 'model-metadata', model: name });
  t.match(parseOpenAiPath(`/v1/models/${name}`, true), { operation: 'model-metadata', model: name });
  for (const path of ['/v1/models', '/v1/models/m', '/health']) {
    t.equal(parseOpenAiPath(path, false), null, path);
    t.not(parseOpenAiPath(path, true), null, path);
  }
  for (const path of [
    '/openai',
    '/openai/v1',
    '/openai/v1/',
    '/v1/chat',
    '/v1/completions/',
    '/openai/openai/v1/responses',
  ]) {
    t.equal(parseOpenAiPath(path, true), null, path);
  }
});

test('an app of Ray Serve has every path but those of the proxy, and the methods that it is given', async (t) => {
  for (const path of ['/', '/a', '/a/', '/a/b%20c/d', '/a/-/b']) {
    t.match(parseRayServePath(path), { operation: 'call', methods: ['GET', 'POST'], model: '' }, path);
  }
  t.match(parseRayServePath('/a', ['PUT']), { methods: ['PUT'] });
  t.match(parseRayServePath('/-/healthz', ['PUT']), { operation: 'server-ready', methods: ['GET'] });
  for (const path of ['', 'a', '//', '//a', '/a//b', '/a//', '/-/routes', '/-', '/%2d/routes', '/a/../b', '/a%2fb']) {
    t.equal(parseRayServePath(path), null, path);
  }
});
