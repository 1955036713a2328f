import { Buffer } from 'node:buffer';

import type { Test } from 'tap';

import { oneRoute, startGateway } from '../support/gateway.ts';
import { test } from '../support/lanes.ts';
import { RawClient, rawRequest } from '../support/raw-client.ts';
import { answerBytes, startRawServer } from '../support/raw-server.ts';

const INFER = '/v2/models/m/infer';
const SMUGGLED = `POST /v2/models/smuggled/infer HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}`;

async function setUp(t: Test) {
  const upstream = await startRawServer(answerBytes('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}'));
  const gateway = await startGateway(oneRoute([upstream.url]));
  t.teardown(async () => {
    await gateway.close();
    await upstream.close();
  });
  /** Sends the bytes and then waits until the gateway closes; gives the statuses of all answers. */
  const statuses = async (bytes: string): Promise<number[]> => {
    const client = await RawClient.connect(gateway.url);
    client.send(bytes);
    const found: number[] = [];
    for (let answer = await client.answer(); answer !== null; answer = await client.answer()) found.push(answer.status);
    await client.closed;
    return found;
  };
  return { upstream, gateway, statuses };
}

/** Requests as the model server must see them: one head each, one framing field, and exactly its body. */
function readRequests(bytes: string): { head: string; body: string }[] {
  const requests: { head: string; body: string }[] = [];
  let rest = bytes;
  while (rest !== '') {
    const end = rest.indexOf('\r\n\r\n');
    if (end === -1) throw new Error(`no whole head: ${JSON.stringify(rest)}`);
    const head = rest.slice(0, end);
    const [line, ...fields] = head.split('\r\n');
    if (!/^(GET|POST) \/v[12]\/[!-~]+ HTTP\/1\.1$/.test(line!))
      throw new Error(`request line: ${JSON.stringify(line)}`);
    for (const field of fields)
      if (!/^[!#$%&'*+.^_`|~\w-]+: ?[\t -~\x80-\xff]*$/.test(field)) throw new Error(`field: ${JSON.stringify(field)}`);
    const lengths = fields.filter((field) => /^content-length:/i.test(field));
    if (lengths.length > 1 || /transfer-encoding/i.test(head)) throw new Error(`framing: ${JSON.stringify(head)}`);
    const length = Number(lengths[0]?.slice(15) ?? 0);
    requests.push({ head, body: rest.slice(end + 4, end + 4 + length) });
    rest = rest.slice(end + 4 + length);
  }
  return requests;
}

const POST = `POST ${INFER} HTTP/1.1\r\nHost: g\r\n`;
const CHUNKED = 'Transfer-Encoding: chunked\r\n';
const zero = '0\r\n\r\n';

const refused: Record<string, string> = {
  'length and chunks': `${POST}Content-Length: 6\r\n${CHUNKED}\r\n${zero}X`,
  'chunks and length': `${POST}${CHUNKED}Content-Length: 5\r\n\r\n${zero}`,
  'two codings': `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n${zero}`,
  'chunked twice': `${POST}${CHUNKED}${CHUNKED}\r\n${zero}`,
  'chunked not last': `${POST}Transfer-Encoding: chunked, identity\r\n\r\n${zero}`,
  identity: `${POST}Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}`,
  'an unknown coding': `${POST}Transfer-Encoding: xchunked\r\n\r\n${zero}`,
  'a coding in quotes': `${POST}Transfer-Encoding: "chunked"\r\n\r\n${zero}`,
  'a coding with a vertical tab': `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n${zero}`,
  'an empty member': `${POST}Transfer-Encoding: ,chunked\r\n\r\n${zero}`,
  'a space before the colon': `${POST}Transfer-Encoding : chunked\r\n\r\n${zero}`,
  'a space before the length': `${POST}Content-Length : 2\r\n\r\n{}`,
  'a folded coding': `${POST}Transfer-Encoding:\r\n chunked\r\n\r\n${zero}`,
  'a folded field': `${POST}X: a\r\n b\r\nContent-Length: 2\r\n\r\n{}`,
  'a field before the first': `POST ${INFER} HTTP/1.1\r\n X: a\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}`,
  'chunks in HTTP/1.0': `POST ${INFER} HTTP/1.0\r\nHost: g\r\n${CHUNKED}\r\n${zero}`,
  'two lengths': `${POST}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`,
  'the same length twice': `${POST}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}`,
  'a list of lengths': `${POST}Content-Length: 2, 2\r\n\r\n{}`,
  'a length with a plus': `${POST}Content-Length: +2\r\n\r\n{}`,
  'a length with a minus': `${POST}Content-Length: -2\r\n\r\n{}`,
  'a length with a space': `${POST}Content-Length: 2 2\r\n\r\n{}`,
  'a hex length': `${POST}Content-Length: 0x2\r\n\r\n{}`,
  'a length beyond all bounds': `${POST}Content-Length: 18446744073709551618\r\n\r\n{}`,
  'an empty length': `${POST}Content-Length:\r\n\r\n{}`,
  'bare LF after the request line': `POST ${INFER} HTTP/1.1\nHost: g\r\nContent-Length: 2\r\n\r\n{}`,
  'bare LF after a field': `${POST}X: a\nContent-Length: 2\r\n\r\n{}`,
  'bare LF at the end of the head': `${POST}Content-Length: 2\r\n\n{}`,
  'bare CR in a field': `${POST}X: a\rb\r\nContent-Length: 2\r\n\r\n{}`,
  'NUL in a field': `${POST}X: a\0b\r\nContent-Length: 2\r\n\r\n{}`,
  'NUL in a name': `${POST}X\0Y: a\r\nContent-Length: 2\r\n\r\n{}`,
  'a name that is no token': `${POST}X(Y): a\r\nContent-Length: 2\r\n\r\n{}`,
  'an empty name': `${POST}: a\r\nContent-Length: 2\r\n\r\n{}`,
  'no colon': `${POST}Content-Length 2\r\nContent-Length: 2\r\n\r\n{}`,
  'a tab in the request line': `POST\t${INFER} HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}`,
  'a space in the target': `POST ${INFER}?a b HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}`,
  'raw bytes in the target': `POST ${INFER}?a=\xe9 HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}`,
  'a fragment in the target': `POST ${INFER}#x HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}`,
  'a fragment behind the query': `POST ${INFER}?a#x HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}`,
  'HTTP/0.9': `POST ${INFER}\r\n\r\n`,
  'HTTP/1.2': `POST ${INFER} HTTP/1.2\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}`,
  'HTTP/2.0': `POST ${INFER} HTTP/2.0\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}`,
  'http/1.1 in lower case': `POST ${INFER} http/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}`,
  'no Host': `POST ${INFER} HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}`,
  'two Hosts': `${POST}Host: h\r\nContent-Length: 2\r\n\r\n{}`,
  'the same Host twice': `${POST}Host: g\r\nContent-Length: 2\r\n\r\n{}`,
  'a Host with a path': `POST ${INFER} HTTP/1.1\r\nHost: g/x\r\nContent-Length: 2\r\n\r\n{}`,
  'a Host with a user': `POST ${INFER} HTTP/1.1\r\nHost: a@g\r\nContent-Length: 2\r\n\r\n{}`,
  'a list of Hosts': `POST ${INFER} HTTP/1.1\r\nHost: g, h\r\nContent-Length: 2\r\n\r\n{}`,
  'a chunk size with a sign': `${POST}${CHUNKED}\r\n+2\r\n{}\r\n${zero}`,
  'a chunk size with 0x': `${POST}${CHUNKED}\r\n0x2\r\n{}\r\n${zero}`,
  'a chunk size with a space': `${POST}${CHUNKED}\r\n 2\r\n{}\r\n${zero}`,
  'a chunk size behind a space': `${POST}${CHUNKED}\r\n2 \r\n{}\r\n${zero}`,
  'a chunk size beyond all bounds': `${POST}${CHUNKED}\r\nfffffffffffffffff\r\n{}\r\n${zero}`,
  'no chunk size': `${POST}${CHUNKED}\r\n\r\n{}\r\n${zero}`,
  'a chunk longer than it says': `${POST}${CHUNKED}\r\n1\r\n{}\r\n${zero}`,
  'bare LF after a chunk size': `${POST}${CHUNKED}\r\n2\n{}\r\n${zero}`,
  'bare LF after a chunk': `${POST}${CHUNKED}\r\n2\r\n{}\n${zero}`,
  'bare LF in a chunk extension': `${POST}${CHUNKED}\r\n2;a\nb\r\n{}\r\n${zero}`,
  'an endless chunk extension': `${POST}${CHUNKED}\r\n2;${'a'.repeat(20_000)}\r\n{}\r\n${zero}`,
  'trailers that would frame': `${POST}${CHUNKED}\r\n2\r\n{}\r\n0\r\nContent-Length: 99\r\n\r\n`,
  'more fields than are counted': `${POST}${'a:\r\n'.repeat(2001)}Content-Length: 2\r\n\r\n{}`,
};

test('nothing of a request that two servers could read in two ways reaches the model server', async (t) => {
  const { upstream, gateway, statuses } = await setUp(t);
  for (const [what, bytes] of Object.entries(refused)) {
    const found = await statuses(bytes + SMUGGLED);
    t.ok(found.length === 1 && found[0]! >= 400 && found[0]! < 506, `${what}: ${found.join(', ')}`);
    t.equal(upstream.received(), '', what);
    for (const { socket } of upstream.connections.splice(0)) socket.destroy();
  }
  const { started, completed, aborted, inflight } = await gateway.ledger();
  t.equal(started, completed + aborted + inflight);
});

test('what is odd but clear arrives as one well-formed request', async (t) => {
  const { upstream, gateway } = await setUp(t);
  const odd: Record<string, string> = {
    'an empty line before the request': `\r\n${POST}Content-Length: 2\r\n\r\n{}`,
    'chunked in capitals': `${POST}Transfer-Encoding: CHUNKED\r\n\r\n2\r\n{}\r\n${zero}`,
    'a chunk size with zeros and capitals': `${POST}${CHUNKED}\r\n000A\r\n0123456789\r\n${zero}`,
    'chunk extensions': `${POST}${CHUNKED}\r\n2;a=b;c="d"\r\n{}\r\n${zero}`,
    'trailers that would rule': `${POST}${CHUNKED}\r\n2\r\n{}\r\n0\r\nAuthorization: evil\r\nHost: evil\r\n\r\n`,
    'two spaces in the request line': `POST  ${INFER} HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n{}`,
    'white space around a value': `${POST}X:   \t a \t \r\nContent-Length: 2\r\n\r\n{}`,
    'an unknown expectation': `${POST}Expect: 200-ok\r\nContent-Length: 2\r\n\r\n{}`,
    'a Host with a port': `POST ${INFER} HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 2\r\n\r\n{}`,
    'a GET with a body': `GET /v2/models/m HTTP/1.1\r\nHost: g\r\nContent-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`,
  };
  for (const [what, bytes] of Object.entries(odd)) {
    const client = await RawClient.connect(gateway.url);
    client.send(bytes);
    t.equal((await client.answer())?.status, 200, what);
    const requests = readRequests(upstream.received());
    t.equal(requests.length, 1, what);
    t.notMatch(requests[0]?.head, /smuggled|evil/, what);
    client.close();
    for (const { socket } of upstream.connections.splice(0)) socket.destroy();
  }
});

test('pipelined requests are all sent on, each on its own, and answered in their order', async (t) => {
  const answers = new Map<string, () => void>();
  const upstream = await startRawServer(({ socket }, chunk) => {
    const name = /models\/(\w+)\//.exec(chunk.toString())?.[1] ?? '';
    answers.set(name, () => socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n${name}`));
    // Answered from the last to the first.
    if (answers.size === 5) for (const answer of [...answers.values()].toReversed()) answer();
  });
  const gateway = await startGateway(oneRoute([upstream.url]));
  t.teardown(async () => {
    await gateway.close();
    await upstream.close();
  });
  const client = await RawClient.connect(gateway.url);
  client.send(Buffer.concat(['a', 'b', 'c', 'd', 'e'].map((name) => rawRequest(`/v2/models/${name}/infer`, name))));
  const bodies: string[] = [];
  for (let i = 0; i < 5; i++) bodies.push((await client.answer())?.body.toString() ?? '');
  client.close();
  t.equal(bodies.join(''), 'abcde');
  t.equal(readRequests(upstream.received()).length, 5);
  t.match(await gateway.ledger(), { started: 5, completed: 5, inflight: 0 });
});

test('garbage behind a good request does not take the place of its answer', async (t) => {
  const { upstream, gateway } = await setUp(t);
  const client = await RawClient.connect(gateway.url);
  client.send(Buffer.concat([rawRequest(INFER), Buffer.from('GARBAGE\r\n\r\n')]));
  t.equal((await client.answer())?.status, 200);
  const second = await client.answer();
  t.ok(second === null || second.status === 400);
  await client.closed;
  t.equal(readRequests(upstream.received()).length, 1);
  t.match(await gateway.ledger(), { started: 1, completed: 1, inflight: 0 });
});

test('a body that is thrown away is no request, and what is behind it is one', async (t) => {
  const { upstream, gateway } = await setUp(t);
  const client = await RawClient.connect(gateway.url);
  for (const framing of [
    `Content-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`,
    `Transfer-Encoding: chunked\r\n\r\n${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n0\r\n\r\n`,
  ]) {
    client.send(`POST /v2/nothing HTTP/1.1\r\nHost: g\r\n${framing}${POST}Content-Length: 2\r\n\r\n{}`);
    t.equal((await client.answer())?.status, 404);
    t.equal((await client.answer())?.status, 200);
  }
  client.close();
  t.notMatch(upstream.received(), /smuggled/);
  t.equal((await gateway.ledger()).started, 2);
});

test('nothing follows an answer that closes the connection, whatever was pipelined behind', async (t) => {
  const { upstream, gateway, statuses } = await setUp(t);
  // Longer than what is thrown away to keep a connection.
  const body = SMUGGLED.repeat(Math.ceil((64 * 1024 + 1) / SMUGGLED.length));
  const unread = `POST /v2/nothing HTTP/1.1\r\nHost: g\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  t.strictSame(await statuses(unread + SMUGGLED), [404]);
  t.strictSame(await statuses(`${POST}Connection: close\r\nContent-Length: 2\r\n\r\n{}${SMUGGLED}`), [200]);
  t.notMatch(upstream.received(), /smuggled/);
  t.equal((await gateway.ledger()).started, 1, 'what was behind is not even begun');
});
