import { test } from 'tap';

import { parseV1Path, writeV1Path } from '../../../src/protocol/paths/kserve-v1.ts';

test('the verb is what follows the last raw colon, the rest is the name', async (t) => {
  t.match(parseV1Path('/v1/models/a:b:predict'), { operation: 'infer', model: 'a:b' });
  t.match(parseV1Path('/v1/models/a%3Ab%20c:predict'), { operation: 'infer', model: 'a:b c' });
  t.match(parseV1Path('/v1/models/a%3Apredict'), { operation: 'model-ready', model: 'a:predict' });
});

test('other paths and verbs are refused', async (t) => {
  for (const path of [
    '',
    '/v1',
    '/v1/',
    '/v1/models/',
    '/v1/models/a:classify',
    '/v1/models/a:',
    '/v1/models/a:Predict',
    '/v1/models/:predict',
    '/v1/models/a/:predict',
    '/v1/models/a/b:predict',
    '/v1/models:predict',
  ]) {
    t.equal(parseV1Path(path), null, path);
  }
});

test('a version makes it the path that TF Serving has for the same', async (t) => {
  const predict = parseV1Path('/v1/models/m:predict')!;
  t.equal(writeV1Path(predict, 'a:b', '3'), '/v1/models/a%3Ab/versions/3:predict');
  t.equal(writeV1Path(predict, 'm', 'stable'), '/v1/models/m/labels/stable:predict');
  t.equal(writeV1Path(parseV1Path('/v1/models/m')!, 'm', '3'), '/v1/models/m/versions/3');
  t.equal(writeV1Path(parseV1Path('/v1/models/m:explain')!, 'n', '3'), '/v1/models/n:explain', 'there it has none');
});
