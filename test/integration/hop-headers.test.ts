import type { Test } from 'tap';

import { oneRoute, startGateway, type OneRoute } from '../support/gateway.ts';
import { test } from '../support/lanes.ts';
import { answerInfer, startServer, type Answerer } from '../support/model-server.ts';
import { rawRequest, sendRaw } from '../support/raw-client.ts';
import { answerBytes, startRawServer } from '../support/raw-server.ts';

const INFER = '/v2/models/m/infer';

async function setUp(t: Test, answerer: Answerer = answerInfer('m'), more: OneRoute = {}) {
  const server = await startServer(answerer);
  const gateway = await startGateway(oneRoute([server.url], more));
  t.teardown(async () => {
    await gateway.close();
    await server.close();
  });
  return { server, gateway };
}

test('hop-by-hop fields and those that Connection names stay on the connection of the client', async (t) => {
  const { server, gateway } = await setUp(t);
  await sendRaw(
    gateway.url,
    rawRequest(INFER, '{}', [
      'Connection: X-Hop, keep-alive',
      'Connection: x-second',
      'X-Hop: 1',
      'x-second: 1',
      'Keep-Alive: timeout=1',
      'Proxy-Connection: keep-alive',
      'Proxy-Authorization: Basic x',
      'TE: trailers',
      'Upgrade: h2c',
      'X-Kept: 1',
      'Authorization: Bearer y',
    ]),
  );
  const headers = server.received[0]!.headers;
  for (const name of ['x-hop', 'x-second', 'keep-alive', 'proxy-connection', 'proxy-authorization', 'te', 'upgrade'])
    t.equal(headers[name], undefined, name);
  t.equal(headers['x-kept'], '1');
  t.equal(headers['authorization'], 'Bearer y', 'end-to-end credentials pass');
  t.equal(headers['host'], new URL(server.url).host, "the endpoint's own name");
  t.equal(headers['via'], '1.1 makas');
});

test('hop-by-hop fields of the model server stay on its connection', async (t) => {
  const raw = await startRawServer(
    answerBytes(
      'HTTP/1.1 200 OK\r\nConnection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=77\r\nProxy-Authenticate: Basic\r\n' +
        'Upgrade: h2c\r\nX-Kept: 1\r\nServer: own\r\nContent-Length: 2\r\n\r\n{}',
    ),
  );
  const gateway = await startGateway(oneRoute([raw.url]));
  t.teardown(async () => {
    await gateway.close();
    await raw.close();
  });
  const answer = await sendRaw(gateway.url, rawRequest(INFER));
  for (const name of ['x-hop', 'proxy-authenticate', 'upgrade']) t.notOk(answer?.headers.has(name), name);
  t.not(answer?.headers.get('keep-alive'), 'timeout=77');
  t.equal(answer?.headers.get('x-kept'), '1');
  t.equal(answer?.headers.get('server'), 'own');
});

test("a client can neither name away the gateway's own fields nor set them", async (t) => {
  const { server, gateway } = await setUp(t, answerInfer('m'), {
    route: 'expose: true',
    backend: 'headers: { x-secret: inner }',
  });
  const answer = await sendRaw(
    gateway.url,
    rawRequest(INFER, '{}', [
      'Connection: x-request-id, via, x-secret, makas-route, makas-backend, host, content-length',
      'X-Request-Id: mine-1',
      'X-Secret: outer',
      'Makas-Route: forged',
      'makas-Decision: forged',
      'makas-anything: forged',
      'makas_backend: forged',
      'x_request_id: forged',
      'content_length: 7',
      'transfer_encoding: chunked',
    ]),
  );
  const { headers, body } = server.received[0]!;
  t.equal(headers['x-request-id'], 'mine-1');
  t.equal(headers['via'], '1.1 makas');
  t.equal(headers['x-secret'], 'inner');
  t.equal(headers['content-length'], '2');
  t.equal(body.toString(), '{}');
  t.strictSame(
    Object.keys(headers).filter((name) => /^makas|_/.test(name)),
    [],
  );
  t.equal(answer?.headers.get('makas-route'), 'all');
  t.equal(answer?.headers.get('makas-backend'), 'main');
});

test('a model server cannot set what only the gateway says', async (t) => {
  const { gateway } = await setUp(t, (_request, response) => {
    response.writeHead(200, {
      'x-request-id': 'theirs',
      'makas-error': 'INTERNAL',
      'makas-route': 'x',
      'makas-later': 'x',
    });
    response.end('{}');
  });
  const answer = await sendRaw(gateway.url, rawRequest(INFER, '{}', ['x-request-id: mine']));
  t.equal(answer?.headers.get('x-request-id'), 'mine');
  t.notOk([...(answer?.headers.keys() ?? [])].some((name) => name.startsWith('makas-')));
});

test('a request id is kept when it is harmless, else made anew, the same on both sides', async (t) => {
  const { server, gateway } = await setUp(t);
  const kept = ['a', 'A-b_c.d~e:f/g+h=i@j', 'x'.repeat(128)];
  const replaced = ['', 'a b', 'a"b', 'x'.repeat(129), 'caf\xe9', '${jndi:x}', 'a,b'];
  for (const id of [...kept, ...replaced]) {
    const answer = await sendRaw(gateway.url, rawRequest(INFER, '{}', [`x-request-id: ${id}`]));
    const given = answer?.headers.get('x-request-id') ?? '';
    t.equal(given === id, kept.includes(id), JSON.stringify(id));
    t.match(given, /^[\w.~:/+=@-]{1,128}$/);
    t.equal(server.received.at(-1)?.headers['x-request-id'], given);
  }
  const one = await sendRaw(gateway.url, rawRequest(INFER));
  const two = await sendRaw(gateway.url, rawRequest(INFER));
  t.not(one?.headers.get('x-request-id'), two?.headers.get('x-request-id'));
  for (const path of ['/v2', '/v2/models/m', '/v2/nothing', '/nothing']) {
    const answer = await sendRaw(gateway.url, rawRequest(path, null, ['x-request-id: mine']));
    t.equal(answer?.headers.get('x-request-id'), 'mine', path);
  }
});
