import { Agent, request } from 'undici';

import { oneRoute, startGateway } from '../support/gateway.ts';
import { Http2Client, type StreamAnswer } from '../support/http2.ts';
import { test } from '../support/lanes.ts';
import { answerInfer, startServer } from '../support/model-server.ts';
import { RawClient, rawRequest } from '../support/raw-client.ts';
import { until } from '../support/traffic.ts';

const INFER = '/v2/models/m/infer';
const BODY = Buffer.from('{"inputs":[]}');
const JSON_TYPE = { 'content-type': 'application/json' };

function post(client: Http2Client, path: string, body: Buffer | null, fields = {}): Promise<StreamAnswer> {
  return client.send(path, body, { ...JSON_TYPE, te: 'trailers', ...fields });
}

test('a connection that begins with the preface of HTTP/2 gets the same answers', async (t) => {
  const server = await startServer(answerInfer('m'));
  const gateway = await startGateway(oneRoute([server.url], { route: 'expose: true' }));
  const client = new Http2Client(gateway.url);
  t.teardown(async () => {
    client.close();
    await gateway.close();
    await server.close();
  });
  const fields = { 'x-user': 'é', cookie: ['a=b', 'c=d'], 'x-request-id': 'mine' };
  const answers = await Promise.all([1, 2, 3].map(() => post(client, `${INFER}?a=b`, BODY, fields)));
  for (const { status, head, body } of answers) {
    t.equal(status, 200);
    t.match(JSON.parse(body.toString()), { model_name: 'm' });
    t.equal(head?.['makas-backend'], 'main');
    t.equal(head?.['x-request-id'], 'mine');
    t.equal(head?.connection, undefined);
  }
  const [received] = server.received;
  t.equal(received?.url, `${INFER}?a=b`);
  t.equal(received?.headers.cookie, 'a=b; c=d');
  t.strictSame(received?.body, BODY);
  t.equal(received?.headers[':authority'], undefined);
  t.equal(received?.headers.te, undefined);
  const live = await client.send('/v2/health/live', null, { ':method': 'GET' });
  t.equal(live.status, 200);
  const probe = await client.send('/v2/health/ready', null, { ':method': 'HEAD' });
  t.same([probe.status, probe.body.length], [200, 0]);
  const http1 = await RawClient.connect(gateway.url);
  http1.send(rawRequest(INFER));
  t.equal((await http1.answer())?.status, 200, 'and HTTP/1.1 is served beside it');
  http1.close();
});

test('errors have the same form, and other paths and methods the same answers', async (t) => {
  const gateway = await startGateway(oneRoute(['http://127.0.0.1:1'], { limits: 'body: 1KiB, header: 2KiB' }));
  const client = new Http2Client(gateway.url);
  t.teardown(async () => {
    client.close();
    await gateway.close();
  });
  const refused = async (answer: Promise<StreamAnswer>): Promise<string> => {
    const { status, head, body } = await answer;
    t.ok(JSON.parse(body.toString()).error, body.toString());
    return `${status} ${String(head?.['makas-error'])}`;
  };
  t.equal(await refused(post(client, INFER, BODY)), '503 UPSTREAM_CONNECT');
  t.equal(await refused(post(client, '/v2/nothing', BODY)), '404 PATH_NOT_FOUND');
  t.equal(await refused(post(client, '/v2/models/m', BODY)), '405 METHOD_NOT_ALLOWED');
  t.equal(await refused(post(client, INFER, Buffer.alloc(2000))), '413 BODY_TOO_LARGE');
  t.equal(await refused(post(client, INFER, Buffer.alloc(2000), { 'content-length': '2000' })), '413 BODY_TOO_LARGE');
  const large = { 'x-a': 'a'.repeat(3000) };
  const fresh = new Http2Client(gateway.url);
  t.equal(await refused(post(fresh, INFER, BODY, large)), '431 HEADERS_TOO_LARGE');
  t.equal((await post(client, INFER, BODY, large)).code, 11, 'who knows the limit is reset');
  fresh.close();
  t.equal(await refused(post(client, '/rewards', Buffer.from('{'))), '400 BAD_BODY');
});

test('large bodies stream both ways', async (t) => {
  const size = 8 << 20;
  const server = await startServer(({ body }, response) => {
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    response.end(body);
  });
  const gateway = await startGateway(oneRoute([server.url], { limits: 'buffer: 64KiB' }));
  const client = new Http2Client(gateway.url);
  t.teardown(async () => {
    client.close();
    await gateway.close();
    await server.close();
  });
  const sent = Buffer.alloc(size, 'abcdefgh');
  for (const fields of [{}, { 'content-length': String(size) }]) {
    const { status, body } = await post(client, INFER, sent, fields);
    t.equal(status, 200);
    t.ok(body.equals(sent));
  }
});

test('an answer that breaks off resets its stream: it never looks complete', async (t) => {
  const server = await startServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.write('a part');
    setTimeout(() => response.destroy(), 50);
  });
  const gateway = await startGateway(oneRoute([server.url]));
  const client = new Http2Client(gateway.url);
  t.teardown(async () => {
    client.close();
    await gateway.close();
    await server.close();
  });
  const answer = await post(client, INFER, BODY);
  t.equal(answer.body.toString(), 'a part');
  t.equal(answer.code, 2);
});

test('a client that resets its request ends it, and the connection lives', async (t) => {
  let gone = 0;
  const server = await startServer((_request, response) => response.on('close', () => gone++));
  const gateway = await startGateway(oneRoute([server.url]));
  const client = new Http2Client(gateway.url);
  const stream = client.begin(INFER, JSON_TYPE);
  stream.on('error', () => {});
  stream.end(BODY);
  await until('it is upstream', () => server.received.length === 1);
  stream.close(8);
  await until('the model heard of it', () => gone === 1);
  await until('it is counted', async () => (await gateway.ledger()).aborted === 1);
  t.equal((await client.send('/v2/health/live', null, { ':method': 'GET' })).status, 200);
  client.close();
  await gateway.close();
  await server.close();
});

test('a request that does not come is reset in time; a connection without one is closed', async (t) => {
  const gateway = await startGateway(
    oneRoute(['http://127.0.0.1:1'], { http: 'requestTimeout: 200ms, keepAliveTimeout: 200ms' }),
  );
  const client = new Http2Client(gateway.url);
  const stream = client.begin(INFER, JSON_TYPE);
  stream.write('{');
  stream.on('error', () => {});
  await new Promise((resolve) => stream.once('close', resolve));
  await client.closed;
  t.ok(client.goaways > 0);
  await gateway.close();
});

test('what is under way over HTTP/2 when the gateway ends is answered', async (t) => {
  let answer = (): void => {};
  const server = await startServer((received, response) => (answer = () => answerInfer('m')(received, response)));
  const gateway = await startGateway(oneRoute([server.url], { limits: 'drain: 5s' }));
  const client = new Http2Client(gateway.url);
  const idle = new Http2Client(gateway.url);
  await new Promise((resolve) => idle.session.once('remoteSettings', resolve));
  const answered = post(client, INFER, BODY);
  await until('it is upstream', () => server.received.length === 1);
  const closed = gateway.app.close();
  await idle.closed;
  await until('the client was told', () => client.goaways > 0);
  answer();
  t.equal((await answered).status, 200);
  await closed;
  await server.close();
});

test('an ordinary client of HTTP/2 without TLS is served', async (t) => {
  const server = await startServer(answerInfer('m'));
  const gateway = await startGateway(oneRoute([server.url]));
  const agent = new Agent({ allowH2: true, useH2c: true } as Agent.Options);
  const answer = await request(`${gateway.url}${INFER}`, {
    method: 'POST',
    dispatcher: agent,
    headers: JSON_TYPE,
    body: BODY,
  });
  t.equal(answer.statusCode, 200);
  await answer.body.dump();
  await agent.close();
  await gateway.close();
  await server.close();
});
