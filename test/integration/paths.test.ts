import type { Test } from 'tap';

import { oneRoute, startGateway } from '../support/gateway.ts';
import { test } from '../support/lanes.ts';
import { answerInfer, startServer } from '../support/model-server.ts';
import { RawClient, sendRaw } from '../support/raw-client.ts';

async function setUp(t: Test) {
  const server = await startServer(answerInfer('m'));
  const gateway = await startGateway(oneRoute([server.url]));
  t.teardown(async () => {
    await gateway.close();
    await server.close();
  });
  const ask = (method: string, path: string, more = '') =>
    sendRaw(gateway.url, `${method} ${path} HTTP/1.1\r\nHost: g\r\n${more}\r\n`);
  return { server, gateway, ask };
}

test('only the inference paths exist; nothing else reaches a model server', async (t) => {
  const { server, ask } = await setUp(t);
  const paths = [
    '/v3',
    '/v2/',
    '/v2/models/',
    '/v2/models/m/',
    '/v2/models/m/infer/',
    '/v2/models/m/infer/x',
    '/v2/models/m/versions/',
    '/v2/models/m/versions/1/x',
    '/v2/models/m/load',
    '/v2/repository/a/index',
    '/V2/models/m/infer',
    '/v1/models/m:unload',
    '/metrics',
    '/livez',
    '/admin/config',
    '/v2/health',
    '/docs',
    '/v2/docs',
    '/openapi.json',
    '/openai',
    '/v1/files',
    '/v1/models:predict',
    '/v1/models/m/versions/x:predict',
    '/api/v1.0/doc/',
    '/invocations/',
    '/predict',
    '/-/routes',
    '/-/healthz',
    '//v2/models/m/infer',
    '/v2//models/m/infer',
    '/v2/models//infer',
    '/v2/models/m//infer',
    '/./v2/models/m/infer',
    '/v2/../v2/models/m/infer',
    '/v2/models/../infer',
    '/v2/models/%2e%2e/infer',
    '/v2/models/m%2finfer',
    '/v2%2fmodels/m/infer',
    '/v2/models/m%2f..%2f..%2fadmin/infer',
    '/%76%32/models/m/infer',
    '/v2/models/m;x/infer/../../x',
    '/v2/models/m/inf%65r',
    '/v2/models/m/infer;a=b',
    '/v2/models/m\\infer',
    '/v2/models/%00/infer',
    '/v2/models/%c0%ae/infer',
    '/v2/models/%zz/infer',
    '/favicon.ico',
    '*',
  ];
  for (const path of paths) {
    for (const method of ['GET', 'POST']) {
      const answer = await ask(method, path, 'Content-Length: 0\r\n');
      t.match(answer?.status, /^40[04]$/, `${method} ${path}`);
      t.match(answer?.headers.get('makas-error'), /^(PATH_NOT_FOUND|BAD_REQUEST)$/, `${method} ${path}`);
    }
  }
  t.strictSame(server.received, []);
});

test('an unknown path is 404 whatever the body claims to be', async (t) => {
  const { ask } = await setUp(t);
  for (const type of ['application/json', 'application/octet-stream', 'x', 'multipart/form-data']) {
    const answer = await ask('POST', '/v3/x', `Content-Type: ${type}\r\nContent-Length: 3\r\n\r\n{x`);
    t.equal(answer?.status, 404, type);
  }
});

test('a path with another method than its own is 405 and names the right one', async (t) => {
  const { server, ask } = await setUp(t);
  for (const [path, right] of [
    ['/v2/models/m/infer', 'POST'],
    ['/v2/models/m', 'GET'],
    ['/v2/models/m/ready', 'GET'],
    ['/v2', 'GET'],
    ['/v2/health/live', 'GET, HEAD'],
    ['/v1/models/m:predict', 'POST'],
    ['/v1/models', 'GET'],
    ['/rewards', 'POST'],
  ] as const) {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE']) {
      if (right.split(', ').includes(method)) continue;
      const answer = await ask(method, path, 'Content-Length: 0\r\n');
      t.equal(answer?.status, 405, `${method} ${path}`);
      t.equal(answer?.headers.get('allow'), right, `${method} ${path}`);
    }
  }
  t.strictSame(server.received, []);
});

test('HEAD gets a head alone, and the connection goes on', async (t) => {
  const { gateway } = await setUp(t);
  const client = await RawClient.connect(gateway.url);
  for (const [path, status] of [
    ['/v2/health/live', 200],
    ['/v2/health/ready', 200],
    ['/ping', 200],
    ['/v2', 405],
  ] as const) {
    const before = client.rest.length;
    const heard = (): string => client.rest.subarray(before).toString();
    client.send(`HEAD ${path} HTTP/1.1\r\nHost: g\r\n\r\n`);
    await client.until(() => heard().includes('\r\n\r\n'));
    t.match(heard(), new RegExp(`^HTTP/1\\.1 ${status} `), path);
    t.ok(heard().endsWith('\r\n\r\n'), 'there is no body');
  }
  client.send('GET /v2/health/live HTTP/1.1\r\nHost: g\r\n\r\n');
  t.ok(await client.until(() => client.rest.includes('{"live":true')));
  client.close();
});

test('a small body that nobody wants does not cost the connection', async (t) => {
  const { server, gateway } = await setUp(t);
  const client = await RawClient.connect(gateway.url);
  const chunked = 'Transfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n2\r\n1}\r\n0\r\n\r\n';
  for (const [line, status] of [
    ['POST /nowhere', 404],
    ['PUT /v2/models/m/infer', 405],
    ['PUT /rewards', 405],
  ] as const) {
    for (const rest of ['Content-Length: 2\r\n\r\n{}', chunked]) {
      client.send(`${line} HTTP/1.1\r\nHost: g\r\n${rest}`);
      const answer = await client.answer();
      t.equal(answer?.status, status, line);
      t.not(answer?.headers.get('connection'), 'close', line);
    }
    // The body comes later than the head.
    client.send(`${line} HTTP/1.1\r\nHost: g\r\nContent-Length: 4\r\n\r\n{`);
    setTimeout(() => client.send('   '), 50);
    t.equal((await client.answer())?.status, status, line);
  }
  client.send('POST /nowhere HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n{');
  const late = await client.answer();
  t.equal(late?.status, 404, 'it is not waited for without end');
  t.equal(late?.headers.get('connection'), 'close');
  client.close();
  const big = await RawClient.connect(gateway.url);
  big.send('POST /nowhere HTTP/1.1\r\nHost: g\r\nContent-Length: 100000\r\n\r\n');
  const answer = await big.answer();
  t.equal(answer?.status, 404);
  t.equal(answer?.headers.get('connection'), 'close', 'a long one is not waited for');
  big.close();
  t.strictSame(server.received, []);
});

test('CONNECT, unknown methods and a preface of HTTP/2 are refused', async (t) => {
  const { server, gateway } = await setUp(t);
  for (const bytes of [
    'CONNECT g:80 HTTP/1.1\r\nHost: g:80\r\n\r\n',
    'BREW /v2/models/m/infer HTTP/1.1\r\nHost: g\r\nContent-Length: 0\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'PROPFIND /v2/models/m/infer HTTP/1.1\r\nHost: g\r\n\r\n',
  ]) {
    const answer = await sendRaw(gateway.url, bytes);
    t.ok(answer === null || (answer.status >= 400 && answer.status < 600), bytes);
  }
  t.strictSame(server.received, []);
});

test('an offer to upgrade is ignored: the request is answered as HTTP/1.1', async (t) => {
  const { server, gateway, ask } = await setUp(t);
  const offer = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n';
  t.equal((await ask('GET', '/v2/models/m', offer))?.status, 200);
  t.equal((await ask('GET', '/v2/models/../x', offer))?.status, 404);
  t.equal((await ask('POST', '/v2/models/m/infer', `${offer}Content-Length: 2\r\n\r\n{}`))?.status, 200);
  t.equal(server.received.length, 2);
  for (const { headers } of server.received) t.equal(headers.upgrade, undefined);
  t.match(await gateway.ledger(), { started: 2, completed: 2 });
});

test('what concerns the gateway itself is answered by it, as the clients of each protocol read it', async (t) => {
  const { server, ask } = await setUp(t);
  const json = { models: [] };
  for (const [path, body] of [
    ['/v2', { name: 'makas', extensions: ['binary_tensor_data', 'parameters'] }],
    ['/v2/health/live', { live: true, ready: true }],
    ['/v2/health/ready', { live: true, ready: true }],
    ['/v2/models', json],
    ['/', { status: 'alive' }],
    ['/v1/models', { ...json, object: 'list', data: [] }],
    ['/openai/v1/models', { object: 'list', data: [] }],
    ['/ready', { status: { code: 200, status: 'SUCCESS' } }],
    ['/live', { status: { code: 200, status: 'SUCCESS' } }],
    ['/health/status', { status: { code: 200, status: 'SUCCESS' } }],
    ['/api/v1.0/health/status', { status: { code: 200, status: 'SUCCESS' } }],
  ] as const) {
    const answer = await ask('GET', path);
    t.match(answer, { status: 200 }, path);
    t.equal(answer?.headers.get('content-type'), 'application/json', path);
    t.match(JSON.parse(String(answer?.body)), body, path);
  }
  for (const path of ['/ping', '/health']) t.equal(String((await ask('GET', path))?.body), '\n', path);
  t.match(String((await ask('GET', '/version'))?.body), /^\d+\.\d+\.\d+/);
  t.strictSame(server.received, []);
});
