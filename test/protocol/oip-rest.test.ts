import * as fc from 'fast-check';
import { test } from 'tap';

import { type OipOperation, oipPath, parseOipPath } from '../../src/protocol/oip-rest.ts';
import { isSafeName } from '../../src/protocol/path-name.ts';

test('every path of the protocol is read', async (t) => {
  const paths: [string, OipOperation, string | null, string | null][] = [
    ['/v2', 'server-metadata', null, null],
    ['/v2/health/live', 'server-live', null, null],
    ['/v2/health/ready', 'server-ready', null, null],
    ['/v2/models', 'model-list', null, null],
    ['/v2/models/iris', 'model-metadata', 'iris', null],
    ['/v2/models/iris/ready', 'model-ready', 'iris', null],
    ['/v2/models/iris/infer', 'infer', 'iris', null],
    ['/v2/models/iris/versions/3', 'model-metadata', 'iris', '3'],
    ['/v2/models/iris/versions/3/ready', 'model-ready', 'iris', '3'],
    ['/v2/models/iris/versions/3/infer', 'infer', 'iris', '3'],
    ['/v2/models/versions/versions/infer/infer', 'infer', 'versions', 'infer'],
  ];
  for (const [path, operation, model, version] of paths) {
    t.same(parseOipPath(path), { operation, model, version }, path);
    t.equal(oipPath(operation, model, version), path, path);
  }
});

test('names are decoded once and written back as the same name', async (t) => {
  t.match(parseOipPath('/v2/models/a%20b%3A%C3%A9/infer'), { model: 'a b:é' });
  t.match(parseOipPath('/v2/models/%252e%252e/infer'), { model: '%2e%2e' });
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.option(fc.string()), (model, version) => {
      const path = oipPath('infer', model, version);
      if (!isSafeName(model) || (version !== null && !isSafeName(version))) return path === null;
      const read = parseOipPath(path ?? '');
      return read?.model === model && read.version === version && read.operation === 'infer';
    }),
    { seed: 9, numRuns: 5000 },
  );
});

test('paths that could mean something else behind are refused', async (t) => {
  const names = [
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
  for (const name of names) {
    t.equal(parseOipPath(`/v2/models/${name}/infer`), null, name);
    t.equal(parseOipPath(`/v2/models/iris/versions/${name}/infer`), null, name);
  }
  const paths = [
    '',
    '/',
    '/v2/',
    '/v2//models',
    '/V2',
    'v2',
    '/v2/models/',
    '/v2/models/m/',
    '/v2/models/m/infer/',
    '/v2/models/m/infer/x/y',
  ];
  paths.push(
    '/v2/models/m/versions',
    '/v2/models/m/versions/1/infer/x',
    '/v2/models/m/generate',
    '/v2/repository/index',
    '/v2/health',
  );
  for (const path of paths) t.equal(parseOipPath(path), null, path);
});

test('a path for a model needs a name that can stand in a path', async (t) => {
  for (const name of [null, '', '..', 'a/b', 'a\u0000', '\ud800']) t.equal(oipPath('infer', name, null), null);
  t.equal(oipPath('infer', 'a', '..'), null);
  t.equal(oipPath('server-live', 'ignored', null), '/v2/health/live');
});
