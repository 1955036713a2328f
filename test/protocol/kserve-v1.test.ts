import { test } from 'tap';

import { parseV1Path, v1Path, type V1Operation } from '../../src/protocol/kserve-v1.ts';

test('every path of the protocol is read and written', async (t) => {
  const paths: [string, V1Operation, string | null][] = [
    ['/v1/models', 'model-list', null],
    ['/v1/models/iris', 'model-ready', 'iris'],
    ['/v1/models/iris:predict', 'predict', 'iris'],
    ['/v1/models/iris:explain', 'explain', 'iris'],
    ['/v1/models/a%3Ab%20c:predict', 'predict', 'a:b c'],
    ['/v1/models/a%3Apredict', 'model-ready', 'a:predict'],
  ];
  for (const [path, operation, model] of paths) {
    t.same(parseV1Path(path), { operation, model }, path);
    t.equal(v1Path(operation, model), path, path);
  }
});

test('a raw colon in the name is the name up to the last one', async (t) => {
  t.same(parseV1Path('/v1/models/a:b:predict'), { operation: 'predict', model: 'a:b' });
});

test('other paths and verbs are refused', async (t) => {
  const paths = [
    '/v1/models/',
    '/v1/models/a:classify',
    '/v1/models/a:',
    '/v1/models/:predict',
    '/v1/models/a/b:predict',
  ];
  paths.push(
    '/v1/models/..:predict',
    '/v1/models/%2e%2e:predict',
    '/v1/models/a%2fb:predict',
    '/v1',
    '/v1/models/a:Predict',
    '/v1/models/%ff',
  );
  for (const path of paths) t.equal(parseV1Path(path), null, path);
  t.equal(v1Path('predict', null), null);
  t.equal(v1Path('predict', 'a/b'), null);
});
