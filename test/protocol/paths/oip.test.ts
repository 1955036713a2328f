import { test } from 'tap';

import type { Operation } from '../../../src/core/facts.ts';
import { parseOipPath, writeOipPath } from '../../../src/protocol/paths/oip.ts';

const get = ['GET'];
const post = ['POST'];
const both = ['GET', 'POST'];
const health = ['GET', 'HEAD'];

test('every path of the protocol is read, with those that Triton and MLServer add', async (t) => {
  const paths: readonly (readonly [string, Operation, readonly string[], string?, string?])[] = [
    ['/v2', 'server-metadata', get],
    ['/v2/health/live', 'server-live', health],
    ['/v2/health/ready', 'server-ready', health],
    ['/v2/models', 'model-list', get],
    ['/v2/models/stats', 'model-stats', get],
    ['/v2/models/infer', 'infer', post],
    ['/v2/models/iris', 'model-metadata', get, 'iris'],
    ['/v2/models/iris/ready', 'model-ready', get, 'iris'],
    ['/v2/models/iris/infer', 'infer', post, 'iris'],
    ['/v2/models/iris/infer_stream', 'infer-stream', post, 'iris'],
    ['/v2/models/iris/generate', 'generate', post, 'iris'],
    ['/v2/models/iris/generate_stream', 'generate-stream', post, 'iris'],
    ['/v2/models/iris/config', 'model-config', get, 'iris'],
    ['/v2/models/iris/stats', 'model-stats', get, 'iris'],
    ['/v2/models/iris/trace/setting', 'trace-setting', both, 'iris'],
    ['/v2/models/iris/versions/3', 'model-metadata', get, 'iris', '3'],
    ['/v2/models/iris/versions/v10/infer', 'infer', post, 'iris', 'v10'],
    ['/v2/models/iris/versions/3/generate_stream', 'generate-stream', post, 'iris', '3'],
    ['/v2/models/versions/versions/infer/infer', 'infer', post, 'versions', 'infer'],
    ['/v2/models/infer/infer', 'infer', post, 'infer'],
    ['/v2/models/%69nfer', 'model-metadata', get, 'infer'],
    ['/v2/trace/setting', 'trace-setting', both],
    ['/v2/logging', 'log-settings', both],
    ['/v2/repository/index', 'repository-index', post],
    ['/v2/repository/models/iris/load', 'model-load', post, 'iris'],
    ['/v2/repository/models/iris/unload', 'model-unload', post, 'iris'],
    ['/v2/systemsharedmemory/status', 'shared-memory', get],
    ['/v2/systemsharedmemory/region/a/register', 'shared-memory', post],
    ['/v2/cudasharedmemory/region/a/unregister', 'shared-memory', post],
    ['/v2/cudasharedmemory/region/a/status', 'shared-memory', get],
  ];
  for (const [path, operation, methods, model = '', version = ''] of paths) {
    t.same(parseOipPath(path), { protocol: 'oip', operation, model, version, isLabel: false, methods }, path);
  }
});

test('names are decoded once', async (t) => {
  t.match(parseOipPath('/v2/models/a%20b%3A%C3%A9/infer'), { model: 'a b:é' });
  t.match(parseOipPath('/v2/models/%252e%252e/infer'), { model: '%2e%2e' });
});

test('other paths are refused', async (t) => {
  for (const path of [
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
    '/v2/models/m/versions',
    '/v2/models/m/versions/1/infer/x',
    '/v2/models/m/Infer',
    '/v2/models/m/load',
    '/v2/models/m/trace',
    '/v2/models/m/trace/setting/x',
    '/v2/models/m/infer?x',
    '/v2/health',
    '/v2/docs',
    '/v2/models/m/docs/dataplane.json',
    '/v2/repository',
    '/v2/repository/index/',
    '/v2/repository/a/index',
    '/v2/repository/models/m/delete',
    '/v2/repository/models/m/versions/1/load',
    '/v2/systemsharedmemory',
    '/v2/sharedmemory/status',
    '/v2/systemsharedmemory/region/status/x',
    '/v2/pipelines/p/infer',
  ]) {
    t.equal(parseOipPath(path), null, path);
  }
});

test('a model that is named later gets a path of its own, where the protocol has one without', async (t) => {
  const infer = parseOipPath('/v2/models/infer')!;
  t.equal(writeOipPath(infer, 'iris', ''), '/v2/models/iris/infer');
  t.equal(writeOipPath(infer, 'iris', '2'), '/v2/models/iris/versions/2/infer');
  t.equal(writeOipPath(infer, '', ''), '/v2/models/infer');
  t.equal(writeOipPath(infer, '', '2'), null);
  t.equal(writeOipPath(parseOipPath('/v2/models/iris')!, 'stats', ''), null, 'it would be that of all statistics');
  t.equal(writeOipPath(parseOipPath('/v2/models/iris')!, '', ''), null);
});
