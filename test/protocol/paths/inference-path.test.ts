import * as fc from 'fast-check';
import { test } from 'tap';

import { httpProtocols, type Operation, type Protocol } from '../../../src/core/facts.ts';
import {
  type InferencePath,
  parseInferencePath,
  writeInferencePath,
} from '../../../src/protocol/paths/inference-path.ts';
import { isSafeName } from '../../../src/protocol/path-name.ts';

/** Path, protocol, operation, method, model, version. */
type Row = readonly [string, Protocol, Operation, string, string?, string?];

const rows: readonly Row[] = [
  ['/', 'kserve-v1', 'server-live', 'GET'],
  ['/v1/models', 'kserve-v1', 'model-list', 'GET'],
  ['/v1/models/iris', 'kserve-v1', 'model-ready', 'GET', 'iris'],
  ['/v1/models/iris:predict', 'kserve-v1', 'infer', 'POST', 'iris'],
  ['/v1/models/iris:explain', 'kserve-v1', 'explain', 'POST', 'iris'],
  ['/v1/models/iris:classify', 'tfserving', 'classify', 'POST', 'iris'],
  ['/v1/models/iris/versions/3:predict', 'tfserving', 'infer', 'POST', 'iris', '3'],
  ['/v2/models/iris/infer', 'oip', 'infer', 'POST', 'iris'],
  ['/v2/models/iris/generate_stream', 'oip', 'generate-stream', 'POST', 'iris'],
  ['/v1/chat/completions', 'openai', 'chat', 'POST'],
  ['/openai/v1/models', 'openai', 'model-list', 'GET'],
  ['/openai/v1/models/iris', 'openai', 'model-metadata', 'GET', 'iris'],
  ['/v1/models/org/iris', 'openai', 'model-metadata', 'GET', 'org/iris'],
  ['/invocations', 'mlflow', 'infer', 'POST'],
  ['/ping', 'mlflow', 'server-ready', 'GET'],
  ['/api/v1.0/predictions', 'seldon-v1', 'infer', 'POST'],
  ['/ready', 'seldon-v1', 'server-ready', 'GET'],
];

test('every path of every protocol has one meaning without further knowledge', async (t) => {
  for (const [path, protocol, operation, method, model = '', version = ''] of rows) {
    const methods = /^server-(?:live|ready)$/.test(operation) ? [method, 'HEAD'] : [method];
    const meaning = { protocol, operation, model, version, isLabel: false, methods };
    t.same(parseInferencePath(path), meaning, path);
  }
});

test('where two protocols share a path, a mount of one reads it as that one', async (t) => {
  const shared: readonly (readonly [string, Protocol, Operation])[] = [
    ['/v1/models/iris:predict', 'tfserving', 'infer'],
    ['/v1/models/iris', 'tfserving', 'model-status'],
    ['/v1/models', 'openai', 'model-list'],
    ['/v1/models/iris', 'openai', 'model-metadata'],
    ['/health', 'openai', 'server-ready'],
    ['/invocations', 'sagemaker', 'infer'],
    ['/ping', 'sagemaker', 'server-ready'],
    ['/v2/models/iris/infer', 'ray-serve', 'call'],
  ];
  for (const [path, protocol, operation] of shared) {
    t.match(parseInferencePath(path, protocol as 'openai'), { protocol, operation }, `${protocol} ${path}`);
  }
  t.match(parseInferencePath('/v2/models/iris/infer', 'triton'), { protocol: 'oip', operation: 'infer' });
});

test('a mount of one protocol has no path of another', async (t) => {
  const foreign: readonly (readonly [string, Protocol])[] = [
    ['/v1/models/iris:predict', 'oip'],
    ['/v2/models/iris/infer', 'kserve-v1'],
    ['/v1/models/iris:explain', 'tfserving'],
    ['/v1/models', 'tfserving'],
    ['/v1/models/iris/versions/1:predict', 'kserve-v1'],
    ['/version', 'sagemaker'],
    ['/health', 'sagemaker'],
    ['/predict', 'vertex'],
    ['/v1/models/iris', 'mlflow'],
    ['/invocations', 'openai'],
    ['/ping', 'seldon-v1'],
  ];
  for (const [path, only] of foreign) t.equal(parseInferencePath(path, only as 'openai'), null, `${only} ${path}`);
});

const unsafe = [
  '',
  '.',
  '..',
  '%2e%2e',
  '%2E',
  'a%2fb',
  'a%5Cb',
  'a\\b',
  'a%00',
  'a%0d%0a',
  '%ff',
  '%c0%ae',
  '%',
  '%2',
  '%zz',
  'é',
  'a b',
  'a?b',
  'a#b',
];

test('a name that could mean another path behind is refused in every place of every protocol', async (t) => {
  const places = [
    (name: string) => `/v2/models/${name}/infer`,
    (name: string) => `/v2/models/iris/versions/${name}/infer`,
    (name: string) => `/v2/repository/models/${name}/load`,
    (name: string) => `/v2/systemsharedmemory/region/${name}/status`,
    (name: string) => `/v1/models/${name}:predict`,
    (name: string) => `/v1/models/${name}:classify`,
    (name: string) => `/v1/models/${name}/versions/1:predict`,
    (name: string) => `/v1/models/iris/versions/${name}:predict`,
    (name: string) => `/v1/models/iris/labels/${name}:predict`,
    (name: string) => `/openai/v1/models/${name}`,
    (name: string) => `/openai/v1/models/org/${name}`,
    (name: string) => `/api/v1.0/metadata/${name}`,
  ];
  for (const name of unsafe) for (const place of places) t.equal(parseInferencePath(place(name)), null, place(name));
  for (const name of unsafe.slice(1)) {
    t.equal(parseInferencePath(`/a/${name}/b`, 'ray-serve'), null, name);
    t.equal(parseInferencePath(`/${name}`, 'ray-serve'), null, name);
  }
});

test('no path is read that has dot segments, empty parts or escaped slashes, whatever the protocol', async () => {
  const part = fc.oneof(
    fc.constantFrom('.', '..', '%2e', '%2E%2e', 'a%2Fb', '%5c', '', '%00'),
    fc.constantFrom('v1', 'v2', 'models', 'iris', 'infer', 'api', 'v1.0', 'metadata', 'versions', '3', 'x:predict'),
  );
  const isBad = /(?:^|\/)(?:\.|%2e){1,2}(?:$|[/:])|%2f|%5c|%00|\/\//i;
  const only = fc.constantFrom(undefined, ...httpProtocols);
  fc.assert(
    fc.property(fc.array(part, { maxLength: 7 }), only, (parts, protocol) => {
      const path = `/${parts.join('/')}`;
      return !isBad.test(path) || parseInferencePath(path, protocol) === null;
    }),
    { seed: 4, numRuns: 20_000 },
  );
});

const named: readonly (readonly [string, Protocol?])[] = [
  ['/v2/models/m'],
  ['/v2/models/m/infer'],
  ['/v2/models/m/versions/4/infer'],
  ['/v2/models/m/ready'],
  ['/v2/models/m/generate'],
  ['/v2/models/m/generate_stream'],
  ['/v2/models/m/versions/4/infer_stream'],
  ['/v2/models/m/config'],
  ['/v2/models/m/stats'],
  ['/v2/models/m/trace/setting'],
  ['/v2/repository/models/m/load'],
  ['/v2/repository/models/m/unload'],
  ['/v2/models/infer'],
  ['/v2/models/stats'],
  ['/v2/trace/setting'],
  ['/v1/models/m'],
  ['/v1/models/m:predict'],
  ['/v1/models/m:explain'],
  ['/v1/models/m', 'tfserving'],
  ['/v1/models/m:predict', 'tfserving'],
  ['/v1/models/m:classify'],
  ['/v1/models/m/versions/4:regress'],
  ['/v1/models/m/labels/stable:predict'],
  ['/v1/models/m/labels/7'],
  ['/v1/models/m/metadata'],
  ['/v1/models/m/versions/4/metadata'],
];

function meaningOf(path: string, only?: Protocol): InferencePath {
  const meaning = parseInferencePath(path, only as 'tfserving' | undefined);
  if (meaning === null) throw new Error(`not read: ${path}`);
  return meaning;
}

test('a path is written as it was read', async (t) => {
  for (const [path, only] of named) {
    const meaning = meaningOf(path, only);
    t.equal(writeInferencePath(meaning, meaning.model, meaning.version), path, path);
  }
});

test('a path with other names is read with those names and the same operation', async () => {
  const name = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('a:b', 'x:predict', 'versions', 'stats', '7'));
  const version = fc.oneof(fc.constant(''), fc.nat().map(String));
  fc.assert(
    fc.property(fc.constantFrom(...named), name, version, ([path, only], model, number) => {
      const meaning = meaningOf(path, only);
      const isOfRepository = meaning.operation === 'model-load' || meaning.operation === 'model-unload';
      const wanted = isOfRepository || meaning.operation === 'explain' ? '' : number;
      const written = writeInferencePath(meaning, model, wanted);
      if (model === '' || !isSafeName(model)) return written === null || model === '';
      // The path of all statistics is not that of a model with this name.
      if (written === null) return ['stats', 'infer'].includes(model) && meaning.operation === 'model-metadata';
      const read = parseInferencePath(written, only as 'tfserving' | undefined);
      // Which of the two it is depends on the version alone.
      const kind = (operation: string | undefined) => (operation === 'model-ready' ? 'model-status' : operation);
      return read?.model === model && read.version === wanted && kind(read.operation) === kind(meaning.operation);
    }),
    { seed: 9, numRuns: 10_000 },
  );
});

test('a path that names no model has none written into it', async (t) => {
  for (const path of [
    '/v2',
    '/v2/health/live',
    '/v2/models',
    '/v2/logging',
    '/v2/repository/index',
    '/v1/models',
    '/invocations',
    '/api/v1.0/predictions',
    '/v1/chat/completions',
    '/openai/v1/models/iris',
  ]) {
    t.equal(writeInferencePath(meaningOf(path), 'other', ''), null, path);
  }
  for (const name of ['..', 'a/b', 'a\u0000', '\ud800']) {
    for (const [path, only] of named) t.equal(writeInferencePath(meaningOf(path, only), name, ''), null, path);
  }
  t.equal(writeInferencePath(meaningOf('/v2/models/m/infer'), 'm', '..'), null);
});
