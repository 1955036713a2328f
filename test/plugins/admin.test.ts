import { fastify } from 'fastify';
import { test, type Test } from 'tap';

import { admin, type AdminOptions } from '../../plugins/admin.ts';
import { errors } from '../../plugins/errors.ts';
import { GatewayError } from '../../src/core/errors.ts';

async function setUp(t: Test, options: Partial<AdminOptions> = {}) {
  const asked: unknown[] = [];
  const app = fastify();
  t.teardown(() => app.close());
  const fail = (_fields: object, message: string): void => void t.fail(message);
  await app.register(errors, { logger: { debug: fail, info: fail, warn: fail, error: fail } });
  await app.register(admin, {
    token: null,
    view: {
      routes: () => [{ name: 'iris' }],
      backends: async () => [{ name: 'v1', endpoints: [{ address: 'http://127.0.0.1:9001', up: true, inflight: 2 }] }],
      bandits: () => [{ name: 'live' }],
      shadows: async () => [{ backend: 'v3' }],
      config: () => ({
        hash: 'abc',
        loadedAtMs: Date.UTC(2026, 0, 2),
        config: { version: 1 },
        lastReloadError: 'line 3: no',
      }),
      explain: (description) => {
        asked.push(description);
        if (JSON.stringify(description).includes('/bad')) throw new GatewayError('BAD_REQUEST', 'no such path');
        return { route: 'iris' };
      },
    },
    ...options,
  });
  return { app, asked };
}

test('the index names every path of the listener that answers', async (t) => {
  const { app } = await setUp(t);
  const { paths } = (await app.inject('/')).json<{ paths: string[] }>();
  const own = paths.filter((path) => path.includes('/admin/'));
  t.equal(own.length, 6);
  for (const path of own) {
    const [method, url] = path.split(' ') as ['GET' | 'POST', string];
    const answer = await app.inject({ method, url, ...(method === 'POST' ? { payload: { path: '/v2' } } : {}) });
    t.equal(answer.statusCode, 200, path);
    t.equal(answer.headers['cache-control'], 'no-store');
  }
});

test('routes, backends, bandits and the configuration are shown', async (t) => {
  const { app } = await setUp(t);
  t.same((await app.inject('/admin/routes')).json(), { routes: [{ name: 'iris' }] });
  t.match((await app.inject('/admin/backends')).json(), { backends: [{ name: 'v1', endpoints: [{ inflight: 2 }] }] });
  t.same((await app.inject('/admin/bandits')).json(), { bandits: [{ name: 'live' }] });
  t.same((await app.inject('/admin/shadows')).json(), { shadows: [{ backend: 'v3' }] });
  const config = await app.inject('/admin/config');
  t.equal(config.headers.etag, '"abc"');
  t.same(config.json(), {
    hash: 'abc',
    loaded_at: '2026-01-02T00:00:00.000Z',
    last_reload_error: 'line 3: no',
    config: { version: 1 },
  });
});

test('explain gets the request as it is described', async (t) => {
  const { app, asked } = await setUp(t);
  const payload = { path: '/v2/models/iris/infer?a=1', headers: { 'X-Tier': ['a', 'b'] }, body: { inputs: [] } };
  const answer = await app.inject({ method: 'POST', url: '/admin/explain', payload });
  t.same(answer.json(), { route: 'iris' });
  t.same(asked, [payload]);
});

test('a description that is not one is answered with what is wrong with it', async (t) => {
  const { app, asked } = await setUp(t);
  const explain = async (payload: string, type = 'application/json'): Promise<[number, string]> => {
    const answer = await app.inject({
      method: 'POST',
      url: '/admin/explain',
      headers: { 'content-type': type },
      payload,
    });
    t.equal(answer.headers['makas-error'], 'BAD_REQUEST', payload);
    t.match(answer.headers['x-request-id'], /./);
    return [answer.statusCode, answer.json<{ error: string }>().error];
  };
  t.same(await explain('{"path":'), [400, 'The body is not valid JSON.']);
  t.same(await explain(''), [400, 'The body is not valid JSON.']);
  t.same(await explain('path: /', 'text/yaml'), [
    400,
    'The body must be JSON, with the header content-type: application/json.',
  ]);
  t.same(asked, []);
  t.same(await explain('{"path":"/bad"}'), [400, 'no such path']);
});

test('with a token, /admin/... is closed to those without it; the rest of the listener is open', async (t) => {
  const { app } = await setUp(t, { token: 'open-sesame' });
  const status = async (authorization?: string): Promise<number> => {
    const answer = await app.inject({
      url: '/admin/config',
      ...(authorization === undefined ? {} : { headers: { authorization } }),
    });
    if (answer.statusCode === 401) {
      t.equal(answer.headers['www-authenticate'], 'Bearer realm="makas"');
      t.equal(answer.headers['makas-error'], 'UNAUTHORIZED');
      t.notMatch(answer.body, /hash|abc/);
    }
    return answer.statusCode;
  };
  for (const wrong of [
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Bearer open',
    'Bearer open-sesame1',
    'Basic open-sesame',
    'open-sesame',
    'Bearer open-sesame x',
  ]) {
    t.equal(await status(wrong), 401, String(wrong));
  }
  t.equal(await status('Bearer open-sesame'), 200);
  t.equal(await status('bearer  open-sesame'), 200);
  for (const url of ['/admin/routes', '/admin/backends', '/admin/bandits', '/admin/shadows'])
    t.equal((await app.inject(url)).statusCode, 401, url);
  t.equal((await app.inject({ method: 'POST', url: '/admin/explain', payload: '{' })).statusCode, 401);
  t.equal((await app.inject({ method: 'HEAD', url: '/admin/config' })).statusCode, 401);
  t.equal((await app.inject('/')).statusCode, 200);
});
