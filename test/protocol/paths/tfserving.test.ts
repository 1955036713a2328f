import { test } from 'tap';

import type { Operation } from '../../../src/core/facts.ts';
import { parseTfServingPath, writeTfServingPath } from '../../../src/protocol/paths/tfserving.ts';

test('every path of the protocol is read', async (t) => {
  const paths: readonly (readonly [string, Operation, string, string?, boolean?])[] = [
    ['/v1/models/m', 'model-status', 'm'],
    ['/v1/models/m/metadata', 'model-metadata', 'm'],
    ['/v1/models/metadata', 'model-status', 'metadata'],
    ['/v1/models/m:predict', 'infer', 'm'],
    ['/v1/models/m:classify', 'classify', 'm'],
    ['/v1/models/m:regress', 'regress', 'm'],
    ['/v1/models/m/versions/12', 'model-status', 'm', '12'],
    ['/v1/models/m/versions/12/metadata', 'model-metadata', 'm', '12'],
    ['/v1/models/m/versions/12:predict', 'infer', 'm', '12'],
    ['/v1/models/m/labels/stable', 'model-status', 'm', 'stable', true],
    ['/v1/models/m/labels/metadata', 'model-status', 'm', 'metadata', true],
    ['/v1/models/m/labels/stable/metadata', 'model-metadata', 'm', 'stable', true],
    ['/v1/models/m/labels/a%3Ab:regress', 'regress', 'm', 'a:b', true],
    ['/v1/models/m/labels/7:predict', 'infer', 'm', '7', true],
  ];
  for (const [path, operation, model, version = '', isLabel = false] of paths) {
    const methods = operation.startsWith('model-') ? ['GET'] : ['POST'];
    t.same(parseTfServingPath(path), { protocol: 'tfserving', operation, model, version, isLabel, methods }, path);
  }
});

test('other paths and verbs are refused', async (t) => {
  for (const path of [
    '/v1/models',
    '/v1/models/',
    '/v1/models/m/',
    '/v1/models/m:explain',
    '/v1/models/m:',
    '/v1/models/m/versions',
    '/v1/models/m/versions/',
    '/v1/models/m/versions/v1:predict',
    '/v1/models/m/versions/-1:predict',
    '/v1/models/m/versions/12345678901234567890:predict',
    '/v1/models/m/versions/1/labels/a:predict',
    '/v1/models/m/versions/1/metadata:predict',
    '/v1/models/m/metadata/x',
    '/v1/models/m/version/1',
    '/v1//m:predict',
    '/V1/models/m:predict',
  ]) {
    t.equal(parseTfServingPath(path), null, path);
  }
});

test('a label stays one, and another version is one when it is an integer', async (t) => {
  const labelled = parseTfServingPath('/v1/models/m/labels/7:predict')!;
  t.equal(writeTfServingPath(labelled, 'n', '7'), '/v1/models/n/labels/7:predict');
  t.equal(writeTfServingPath(labelled, 'n', '8'), '/v1/models/n/versions/8:predict');
  t.equal(writeTfServingPath(labelled, 'n', 'old'), '/v1/models/n/labels/old:predict');
  t.equal(writeTfServingPath(labelled, 'n', ''), '/v1/models/n:predict');
  const versioned = parseTfServingPath('/v1/models/m/versions/7/metadata')!;
  t.equal(writeTfServingPath(versioned, 'n', '7'), '/v1/models/n/versions/7/metadata');
});
