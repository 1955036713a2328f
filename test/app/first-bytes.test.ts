import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

import { test, type Test } from 'tap';

import { readFirstBytes } from '../../src/app/first-bytes.ts';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/** What is known of a connection after these writes, and all that can be read then. */
async function known(t: Test, writes: readonly string[], isEnded = false, timeoutMs = 1000) {
  const server = createServer({ allowHalfOpen: true });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => {});
  const [socket] = (await once(server, 'connection')) as [Socket];
  t.teardown(() => {
    client.destroy();
    socket.destroy();
    server.close();
  });
  const result = new Promise<boolean | null>((resolve) => readFirstBytes(socket, timeoutMs, resolve));
  for (const text of writes) {
    client.write(text);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  if (isEnded) client.end();
  const isHttp2 = await result;
  let text = '';
  if (isHttp2 !== null) {
    socket.on('data', (chunk: Buffer) => (text += String(chunk)));
    client.end();
    await once(socket, 'end');
  }
  return { isHttp2, text };
}

test('the preface of HTTP/2 is known, whole or octet by octet, and nothing of it is lost', async (t) => {
  t.strictSame(await known(t, [PREFACE]), { isHttp2: true, text: PREFACE });
  t.strictSame(await known(t, PREFACE.split('')), { isHttp2: true, text: PREFACE });
});

test('whatever differs from it is not HTTP/2, as soon as it differs', async (t) => {
  const request = 'POST / HTTP/1.1\r\n\r\n';
  t.strictSame(await known(t, [request]), { isHttp2: false, text: request });
  t.strictSame(await known(t, request.split('')), { isHttp2: false, text: request });
  t.strictSame(await known(t, ['PRI ', '/']), { isHttp2: false, text: 'PRI /' });
});

test('a connection that ends or stays silent before that is neither', async (t) => {
  t.equal((await known(t, [], true)).isHttp2, null);
  t.equal((await known(t, ['PRI'], true)).isHttp2, null);
  t.equal((await known(t, ['P'], false, 30)).isHttp2, null);
  t.equal((await known(t, [], false, 30)).isHttp2, null);
});
