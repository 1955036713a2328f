import { createConnection, type AddressInfo } from 'node:net';

import { fastify } from 'fastify';
import { test, type Test } from 'tap';

import { answerClientError, answerFrameworkError, errors, EVERY_PATH } from '../../plugins/errors.ts';
import { errorRegistry, GatewayError } from '../../src/core/errors.ts';

interface Logged {
  readonly fields: Record<string, unknown>;
  readonly message: string;
}

async function setUp(t: Test) {
  const logged: Logged[] = [];
  const ignore = (): void => {};
  const app = fastify({
    bodyLimit: 100,
    clientErrorHandler: answerClientError,
    frameworkErrors: answerFrameworkError,
    http: { maxHeaderSize: 2048 },
  });
  t.teardown(() => app.close());
  const error = (fields: object, message: string): void => void logged.push({ fields: { ...fields }, message });
  await app.register(errors, { logger: { debug: ignore, info: ignore, warn: ignore, error } });
  app.get('/fine', () => ({ fine: true }));
  app.post('/things/:name/run', () => ({}));
  app.get('/files/*', () => ({}));
  app.get('/broken', () => {
    throw new TypeError('the inside of the gateway');
  });
  app.get('/expected', () => {
    throw new GatewayError('FEATURE_STALE', 'flower is older than 1h', 'internal words');
  });
  app.get('/teapot', () => {
    throw Object.assign(new Error('inside'), { statusCode: 418 });
  });
  app.get('/slow', (_request, reply) => {
    reply.hijack();
    reply.raw.writeHead(200, { 'content-length': '100' });
    reply.raw.write('the beginning');
  });
  return { app, logged };
}

/** What comes back on one connection for raw bytes, until it is closed. */
async function converse(t: Test, bytes: string): Promise<string> {
  const { app } = await setUp(t);
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const socket = createConnection({ host: '127.0.0.1', port });
  socket.write(bytes);
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}

test('a path that does not exist is 404, one that exists with another method 405 with the right ones', async (t) => {
  const { app, logged } = await setUp(t);
  const missing = await app.inject('/nowhere?a=1');
  t.equal(missing.statusCode, 404);
  t.equal(missing.headers['makas-error'], 'PATH_NOT_FOUND');
  t.same(missing.json(), { error: errorRegistry.PATH_NOT_FOUND.message });
  const wrong = await app.inject({ method: 'POST', url: '/fine' });
  t.equal(wrong.statusCode, 405);
  t.equal(wrong.headers['makas-error'], 'METHOD_NOT_ALLOWED');
  t.same(String(wrong.headers.allow).split(', ').sort(), ['GET', 'HEAD']);
  t.equal((await app.inject('/things/a/run')).headers.allow, 'POST');
  t.equal((await app.inject('/things/a/b/run')).statusCode, 404);
  t.equal((await app.inject({ method: 'DELETE', url: '/files/a/b' })).statusCode, 405);
  t.equal((await app.inject('/fineXY')).statusCode, 404);
  t.same(logged, []);
});

test('what reads all other paths itself makes none of them known', async (t) => {
  const { app } = await setUp(t);
  app.all(EVERY_PATH, { onRequest: (_request, reply) => reply.callNotFound(), handler: () => undefined });
  t.equal((await app.inject('/nowhere')).statusCode, 404);
  t.equal((await app.inject({ method: 'DELETE', url: '/nowhere' })).statusCode, 404);
  const wrong = await app.inject('/things/a/run');
  t.equal(wrong.statusCode, 405);
  t.equal(wrong.headers.allow, 'POST');
});

test("an answer carries the id of the request, the client's when it is harmless", async (t) => {
  const { app } = await setUp(t);
  const idOf = async (id?: string) =>
    (await app.inject({ url: '/nowhere', ...(id === undefined ? {} : { headers: { 'x-request-id': id } }) })).headers[
      'x-request-id'
    ];
  t.equal(await idOf('abc-1'), 'abc-1');
  t.match(await idOf('a b"c'), /^[0-9a-f]{26}$/);
  t.match(await idOf(), /^[0-9a-f]{26}$/);
});

test('malformed and too large bodies are told apart', async (t) => {
  const { app } = await setUp(t);
  const post = (payload: string, type = 'application/json') =>
    app.inject({ method: 'POST', url: '/things/a/run', headers: { 'content-type': type }, payload });
  t.match(await post('{'), { statusCode: 400, headers: { 'makas-error': 'BAD_REQUEST' } });
  t.match(await post('{}', 'text/x'), { statusCode: 400, headers: { 'makas-error': 'BAD_REQUEST' } });
  t.match(await post(JSON.stringify('x'.repeat(200))), {
    statusCode: 413,
    headers: { 'makas-error': 'BODY_TOO_LARGE' },
  });
  t.match(await post('{}'), { statusCode: 200 });
  t.match(await app.inject('/%zz'), {
    statusCode: 400,
    headers: { 'makas-error': 'BAD_REQUEST', 'x-request-id': /./ },
  });
});

test('an expected error says its message, and an unexpected one nothing but is logged with its stack', async (t) => {
  const { app, logged } = await setUp(t);
  const expected = await app.inject('/expected');
  t.equal(expected.statusCode, 422);
  t.equal(expected.headers['makas-error'], 'FEATURE_STALE');
  t.same(expected.json(), { error: 'flower is older than 1h' });
  t.match(await app.inject('/teapot'), { statusCode: 400, headers: { 'makas-error': 'BAD_REQUEST' } });
  t.same(logged, []);
  const broken = await app.inject({ url: '/broken?token=x', headers: { 'x-request-id': 'r-1' } });
  t.equal(broken.statusCode, 500);
  t.equal(broken.headers['makas-error'], 'INTERNAL');
  t.same(broken.json(), { error: errorRegistry.INTERNAL.message });
  t.match(logged, [
    {
      message: 'a request failed unexpectedly',
      fields: {
        path: '/broken',
        request_id: 'r-1',
        err: { message: 'the inside of the gateway', stack: /errors\.test/ },
      },
    },
  ]);
});

test('what is not HTTP gets an answer in the same form', async (t) => {
  const nonsense = await converse(t, 'nonsense\r\n\r\n');
  t.match(nonsense, /^HTTP\/1\.1 400 /);
  t.match(nonsense, /\r\nmakas-error: BAD_REQUEST\r\n/);
  t.match(nonsense, /\r\nx-request-id: [0-9a-f]{26}\r\n/);
  const [head = '', body = ''] = nonsense.split('\r\n\r\n');
  t.same(JSON.parse(body), { error: errorRegistry.BAD_REQUEST.message });
  t.match(head, `content-length: ${body.length}`);
  const long = await converse(t, `GET /fine HTTP/1.1\r\nhost: a\r\nx-long: ${'x'.repeat(5000)}\r\n\r\n`);
  t.match(long, /^HTTP\/1\.1 431 [^]*makas-error: HEADERS_TOO_LARGE/);
});

test('nonsense behind a request whose answer is under way does not land inside that answer', async (t) => {
  const { app } = await setUp(t);
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const socket = createConnection({ host: '127.0.0.1', port });
  socket.write('GET /slow HTTP/1.1\r\nhost: a\r\n\r\n');
  let text = '';
  try {
    for await (const chunk of socket) {
      text += String(chunk);
      if (text.endsWith('the beginning')) socket.write('nonsense\r\n\r\n');
    }
  } catch (error) {
    t.match(error, { code: 'ECONNRESET' });
  }
  t.match(text, /^HTTP\/1\.1 200 [^]*the beginning$/);
});
