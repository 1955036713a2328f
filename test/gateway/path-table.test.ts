import { Buffer } from 'node:buffer';

import { test } from 'tap';

import type { Mount, Snapshot } from '../../src/core/snapshot.ts';
import { applyModelHeader, isOwnPath, PathTable, ServedPaths } from '../../src/gateway/path-table.ts';
import { ListedHeaders } from '../../src/gateway/request-headers.ts';

const anywhere: Mount = {
  host: null,
  prefix: '',
  protocol: null,
  path: null,
  health: null,
  model: '',
  modelFrom: null,
  methods: ['GET', 'POST'],
};

function mount(some: Partial<Mount>): Mount {
  return { ...anywhere, ...some };
}

function served(mounts: readonly Mount[], prefix = ''): ServedPaths {
  return new ServedPaths({ prefix, mounts, models: 0 });
}

/** Path, protocol, operation and model of a request, as one text. */
function readingOf(paths: ServedPaths, path: string, host?: string): string {
  const known = paths.lookup(path, host);
  if (known === null) return 'nothing';
  const { protocol, operation, model } = known.meaning;
  return [known.path, protocol, operation, model].join(' ').trimEnd();
}

test('a mount reads what follows its prefix, in its protocol, for its model', async (t) => {
  const paths = served([
    mount({ prefix: '/wine', protocol: 'mlflow', model: 'wine' }),
    mount({ prefix: '/seldon/shop/ranker', protocol: 'seldon-v1', model: 'ranker' }),
    mount({ prefix: '/tf', protocol: 'tfserving' }),
    mount({ prefix: '/all', model: 'm' }),
    mount({ prefix: '/llm', protocol: 'openai', model: 'chat' }),
  ]);
  const table = {
    '/wine/invocations': '/invocations mlflow infer wine',
    '/wine/ping': '/ping mlflow model-ready wine',
    '/wine/version': '/version mlflow model-metadata wine',
    '/wine/v2/models/m/infer': 'nothing',
    '/wine': 'nothing',
    '/wineinvocations': 'nothing',
    '/wine//invocations': 'nothing',
    '/%77ine/invocations': 'nothing',
    '/seldon/shop/ranker/api/v1.0/predictions': '/api/v1.0/predictions seldon-v1 infer ranker',
    '/seldon/shop/ranker/api/v1.0/metadata/node': '/api/v1.0/metadata/node seldon-v1 model-metadata ranker',
    '/seldon/shop/ranker/api/v1.0/feedback': '/api/v1.0/feedback seldon-v1 feedback ranker',
    '/tf/v1/models/a:predict': '/v1/models/a:predict tfserving infer a',
    '/all/v2/models/a/infer': '/v2/models/a/infer oip infer a',
    '/all/v2/models/infer': '/v2/models/m/infer oip infer m',
    '/all/v2/models/stats': '/v2/models/stats oip model-stats',
    '/all/v2/repository/index': '/v2/repository/index oip repository-index',
    '/all/invocations': '/invocations mlflow infer m',
    '/all/v1/models': '/v1/models kserve-v1 model-list',
    '/all': '/ kserve-v1 server-live',
    '/llm/v1/chat/completions': '/v1/chat/completions openai chat chat',
    '/invocations': '/invocations mlflow infer',
    '/ping': '/ping mlflow server-ready',
    '/v2/models/a/infer': '/v2/models/a/infer oip infer a',
  };
  for (const [path, reading] of Object.entries(table)) t.equal(readingOf(paths, path), reading, path);
});

test('a mount of Vertex AI has its two paths, with escapes and slashes as they are written', async (t) => {
  const route = '/v1/endpoints/1/deployedModels/2:predict';
  const paths = served([
    mount({ protocol: 'vertex', path: '/predict', health: '/healthz', model: 'score' }),
    mount({ prefix: '/x', protocol: 'vertex', path: route, model: 'other' }),
  ]);
  t.equal(readingOf(paths, '/predict'), '/predict vertex infer score');
  t.equal(readingOf(paths, '/healthz'), '/healthz vertex model-ready score');
  t.equal(readingOf(paths, `/x${route}`), `${route} vertex infer other`);
  for (const path of ['/predict/', '/Predict', '/%70redict', '/x/predict', '/x/healthz', route, '/null', '/x']) {
    t.equal(readingOf(paths, path), 'nothing', path);
  }
});

test('an app of Ray Serve has everything beneath its prefix but the paths of Makas', async (t) => {
  const paths = served([
    mount({ prefix: '/app', protocol: 'ray-serve', model: 'app' }),
    mount({ host: 'ray.example', protocol: 'ray-serve', model: 'ray' }),
  ]);
  t.equal(readingOf(paths, '/app'), '/ ray-serve call app');
  t.equal(readingOf(paths, '/app/'), '/ ray-serve call app');
  t.equal(readingOf(paths, '/app/a/b%20c'), '/a/b%20c ray-serve call app');
  t.equal(readingOf(paths, '/app/v2/models/m/infer'), '/v2/models/m/infer ray-serve call app');
  t.equal(paths.lookup('/app/v2/models/m/infer', '')?.modelFrom, null);
  t.equal(readingOf(paths, '/apple'), 'nothing');
  t.equal(readingOf(paths, '/app/../x'), 'nothing');
  t.equal(readingOf(paths, '/app/-/routes'), 'nothing');
  t.equal(readingOf(paths, '/anything', 'ray.example'), '/anything ray-serve call ray');
  for (const path of ['/rewards', '/api/v1.0/feedback', '/%72ewards']) {
    t.ok(isOwnPath(path));
    t.equal(readingOf(paths, path, 'ray.example'), 'nothing', path);
  }
  for (const path of ['/rewards/', '/app/rewards', '/%zz', '/rewards%']) t.notOk(isOwnPath(path), path);
});

test('the host counts in any case and without its port, and only where a mount has one', async (t) => {
  const paths = served([
    mount({ host: 'wine.example', protocol: 'mlflow', model: 'wine' }),
    mount({ host: '[::1]', protocol: 'mlflow', model: 'local' }),
  ]);
  t.ok(paths.hasHosts);
  for (const host of ['wine.example', 'WINE.example', 'wine.example:8080', 'wine.example:']) {
    t.equal(readingOf(paths, '/invocations', host), '/invocations mlflow infer wine', host);
  }
  t.equal(readingOf(paths, '/invocations', '[::1]:80'), '/invocations mlflow infer local');
  for (const host of ['other.example', 'example', 'a.wine.example', 'wine.example.', '', undefined]) {
    t.equal(readingOf(paths, '/invocations', host), '/invocations mlflow infer', host ?? 'none');
  }
  t.equal(readingOf(paths, '/v2/models/m/infer', 'wine.example'), '/v2/models/m/infer oip infer m');
  t.notOk(served([mount({ prefix: '/a' })]).hasHosts);
});

test('the first mount wins that fits and knows the path', async (t) => {
  const paths = served([
    mount({ prefix: '/a', protocol: 'mlflow', model: 'first' }),
    mount({ prefix: '/a', protocol: 'ray-serve', model: 'second' }),
    mount({ prefix: '/a', protocol: 'oip' }),
  ]);
  t.equal(readingOf(paths, '/a/invocations'), '/invocations mlflow infer first');
  t.equal(readingOf(paths, '/a/v2/models/m/infer'), '/v2/models/m/infer ray-serve call second');
});

test('mounts stand outside of the prefix of the listener', async (t) => {
  const paths = served([mount({ prefix: '/wine', protocol: 'mlflow', model: 'wine' })], '/team');
  t.equal(readingOf(paths, '/wine/invocations'), '/invocations mlflow infer wine');
  t.equal(readingOf(paths, '/team/v2/models/m/infer'), '/v2/models/m/infer oip infer m');
  t.equal(readingOf(paths, '/team'), '/ kserve-v1 server-live');
  for (const path of ['/team/wine/invocations', '/v2/models/m/infer', '/teamv2/models/m/infer']) {
    t.equal(readingOf(paths, path), 'nothing', path);
  }
});

function modelAt(paths: ServedPaths, path: string, ...headers: string[]): string | null {
  const known = paths.lookup(path, undefined);
  const found = known === null ? null : applyModelHeader(known, new ListedHeaders(headers));
  return found === null ? null : `${found.path} ${found.meaning.model}`;
}

test('a header names the model where the mount says so and the path does not', async (t) => {
  const paths = served([
    mount({ prefix: '/any', protocol: 'mlflow', modelFrom: 'x-model' }),
    mount({ prefix: '/or', protocol: 'mlflow', modelFrom: 'x-model', model: 'usual' }),
    mount({ prefix: '/v2s', modelFrom: 'x-model', model: 'usual' }),
  ]);
  t.equal(modelAt(paths, '/any/invocations', 'X-Model', 'wine'), '/invocations wine');
  t.equal(modelAt(paths, '/any/invocations', 'X-Model', Buffer.from('şarap').toString('latin1')), '/invocations şarap');
  t.equal(modelAt(paths, '/any/invocations', 'X-Model', 'a/b'), '/invocations a/b', 'it stands in no path');
  t.equal(modelAt(paths, '/any/invocations', 'X-Model', ''), '/invocations ');
  t.equal(modelAt(paths, '/any/invocations'), '/invocations ');
  t.equal(modelAt(paths, '/or/invocations'), '/invocations usual');
  t.equal(modelAt(paths, '/or/invocations', 'x-model', 'wine'), '/invocations wine');
  t.equal(modelAt(paths, '/v2s/v2/models/infer', 'x-model', 'wine'), '/v2/models/wine/infer wine');
  t.equal(modelAt(paths, '/v2s/v2/models/usual/infer', 'x-model', 'wine'), '/v2/models/usual/infer usual');
  t.equal(modelAt(paths, '/v2s/v1/models/m:predict', 'x-model', 'wine'), '/v1/models/m:predict m');
});

test('seldon-model names the model whatever a path of the Open Inference Protocol says', async (t) => {
  const paths = served([]);
  t.equal(modelAt(paths, '/v2/models/a/infer', 'Seldon-Model', 'b'), '/v2/models/b/infer b');
  t.equal(
    modelAt(paths, '/v2/models/a/versions/3/infer', 'seldon-model', 'b c'),
    '/v2/models/b%20c/versions/3/infer b c',
  );
  t.equal(modelAt(paths, '/v2/models/a', 'seldon-model', 'b'), '/v2/models/b b');
  t.equal(modelAt(paths, '/v2/models/infer', 'seldon-model', 'b'), '/v2/models/b/infer b');
  t.equal(modelAt(paths, '/v2/models/a%20/infer', 'seldon-model', 'a '), '/v2/models/a%20/infer a ', 'as it came');
  t.equal(modelAt(paths, '/v2/models/infer'), '/v2/models/infer ');
  t.equal(modelAt(paths, '/v2/repository/models/a/load', 'seldon-model', 'b'), '/v2/repository/models/a/load a');
  t.equal(modelAt(paths, '/v1/models/a:predict', 'seldon-model', 'b'), '/v1/models/a:predict a');
  for (const name of ['..', 'a/b', 'a\\b'])
    t.equal(modelAt(paths, '/v2/models/a/infer', 'seldon-model', name), null, name);
});

test('a path is read once, and a table that is full is begun anew', async (t) => {
  const paths = served([]);
  const first = paths.lookup('/v2/models/m/infer', undefined);
  t.equal(paths.lookup('/v2/models/m/infer', undefined), first);
  for (let i = 0; i < 4095; i++) paths.lookup(`/v2/models/${i}/infer`, undefined);
  t.equal(paths.lookup('/v2/models/m/infer', undefined), first, 'there is room for 4,096');
  paths.lookup('/v2/models/one-more/infer', undefined);
  const again = paths.lookup('/v2/models/m/infer', undefined);
  t.not(again, first);
  t.same(again, first);
});

test('there is room for what the clients of many models ask for', async (t) => {
  const paths = new ServedPaths({ prefix: '', mounts: [], models: 2000 });
  const first = paths.lookup('/v2/models/m/infer', undefined);
  for (let i = 0; i < 7999; i++) paths.lookup(`/v2/models/${i}/infer`, undefined);
  t.equal(paths.lookup('/v2/models/m/infer', undefined), first);
});

test('hosts without a mount share what is known of a path', async (t) => {
  const paths = served([mount({ host: 'a.example', prefix: '/p' })]);
  const first = paths.lookup('/v2/models/m/infer', 'x1.example');
  for (let i = 0; i < 5000; i++) paths.lookup('/v2/models/m/infer', `h${i}.example`);
  t.equal(paths.lookup('/v2/models/m/infer', 'x2.example'), first);
});

test('paths longer than 512 characters are read each time', async (t) => {
  const paths = served([]);
  const path = `/v2/models/${'m'.repeat(520)}/infer`;
  const first = paths.lookup(path, undefined);
  t.not(paths.lookup(path, undefined), first);
  t.same(paths.lookup(path, undefined), first);
});

test('mounts follow the snapshot', async (t) => {
  const table = new PathTable('');
  const snapshot = (mounts: readonly Mount[]) => ({ mounts, index: { modelNames: [] } }) as unknown as Snapshot;
  const one = snapshot([mount({ prefix: '/a', protocol: 'mlflow', model: 'one' })]);
  const two = snapshot([mount({ prefix: '/a', protocol: 'mlflow', model: 'two' })]);
  t.equal(readingOf(table.of(one), '/a/invocations'), '/invocations mlflow infer one');
  t.equal(table.of(one), table.of(one));
  t.equal(readingOf(table.of(two), '/a/invocations'), '/invocations mlflow infer two');
  t.equal(readingOf(table.of(one), '/a/invocations'), '/invocations mlflow infer one');
});
