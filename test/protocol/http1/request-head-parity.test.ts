import { Buffer } from 'node:buffer';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Duplex } from 'node:stream';

import fc from 'fast-check';
import { test } from 'tap';

import { findFramingDoubt } from '../../../plugins/inference/framing.ts';
import { ExpressHeaders } from '../../../src/edges/express/request-headers.ts';
import { ListedHeaders } from '../../../src/gateway/request-headers.ts';
import { headerList } from '../../../src/protocol/header-block.ts';
import { upstreamFields } from '../../../src/protocol/header-crossing.ts';
import { NEEDS_MORE, RequestHeadReader } from '../../../src/protocol/http1/request-head.ts';
import { edition, request } from './request-head-corpus.ts';

/** Millions on demand: MAKAS_PARITY_CASES=5000000. */
const CASES = Number(process.env.MAKAS_PARITY_CASES ?? 200_000);
const SEED = Number(process.env.MAKAS_PARITY_SEED ?? 20261123);
const MAX_HEAD = 16 * 1024;
/** Requests that are made of one and go through node's parser together, one right behind the other. */
const EDITIONS = 60;

/** A request as a parser reads it. */
interface Reading {
  readonly method: string;
  readonly target: string;
  readonly fields: readonly string[];
  readonly upstream: readonly string[];
  readonly joined: Readonly<Record<string, string>>;
  readonly asked: ReadonlyArray<string | undefined>;
  readonly bodyLength: number;
  readonly body: string;
  readonly doubt: string | null;
}

const ASKED = ['x-request-id', 'cookie', 'traceparent', 'content-type', 'inference-header-content-length', 'x', 'te'];

/** Whole lines, each with its colon. */
const BLOCK = /^(?:[^\r\n:]+:[^\r\n]*\r\n)*$/;

const reader = new RequestHeadReader();

/** What the lane takes of these bytes: the request, and how many bytes it is; null: not its kind, or not whole. */
function readStrict(bytes: Buffer): { reading: Reading; end: number } | null {
  const length = reader.read(bytes, bytes.length, MAX_HEAD);
  if (length <= 0) return null;
  const end = length + reader.contentLength;
  if (end > bytes.length) return null;
  const fields = reader.fields(bytes);
  if (!BLOCK.test(fields)) throw new Error(`not a block: ${JSON.stringify(fields)}`);
  const headers = new ExpressHeaders(fields, reader.upstream(fields), reader.names);
  const query = reader.query(bytes);
  const reading = {
    method: 'POST',
    target: reader.path(bytes) + (query === '' ? '' : `?${query}`),
    fields: headerList(fields),
    upstream: BLOCK.test(headers.upstream) ? headerList(headers.upstream) : [headers.upstream],
    joined: { ...headers.all() },
    asked: ASKED.map((name) => headers.get(name)),
    bodyLength: reader.contentLength,
    body: bytes.toString('latin1', length, end),
    doubt: null,
  };
  return { reading, end };
}

/** What node:http reads of bytes that came on one connection, until the sentinel or an error. */
async function readWithNode(bytes: Buffer): Promise<{ readings: Reading[]; error: string | null }> {
  const readings: Reading[] = [];
  const bodies: Promise<void>[] = [];
  const connection = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const error = await new Promise<string | null>((resolve) => {
    onRequest = (request, response) => {
      if (request.method === 'GET') resolve(null);
      else bodies.push(receive(request, readings, readings.length));
      response.end();
    };
    onError = (error) => resolve(error.message);
    server.emit('connection', connection);
    connection.push(Buffer.concat([bytes, SENTINEL]));
  });
  if (error === null) await Promise.all(bodies);
  connection.destroy();
  return { readings, error };
}

const SENTINEL = Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
let onRequest: (request: IncomingMessage, response: ServerResponse) => void = () => {};
let onError: (error: Error) => void = () => {};
const server = createServer({ requireHostHeader: false, maxHeaderSize: MAX_HEAD }, (request, response) =>
  onRequest(request, response),
);
server.on('clientError', (error) => onError(error));
for (const event of ['checkContinue', 'checkExpectation', 'upgrade', 'connect'] as const)
  server.on(event, () => onError(new Error(event)));

function receive(request: IncomingMessage, readings: Reading[], index: number): Promise<void> {
  const { method = '', url = '', rawHeaders } = request;
  const headers = new ListedHeaders(rawHeaders);
  const reading = {
    method,
    // An empty query is no query.
    target: url.endsWith('?') && url.indexOf('?') === url.length - 1 ? url.slice(0, -1) : url,
    fields: rawHeaders,
    upstream: headerList(upstreamFields(rawHeaders)),
    joined: { ...headers.all() },
    asked: ASKED.map((name) => headers.get(name)),
    bodyLength: Number(request.headers['content-length']),
    body: '',
    doubt: findFramingDoubt(request)?.message ?? null,
  };
  readings[index] = reading;
  return new Promise((resolve) => {
    request.setEncoding('latin1');
    request.on(
      'data',
      (text: string) => (readings[index] = { ...readings[index]!, body: readings[index]!.body + text }),
    );
    request.on('end', resolve);
    request.on('error', () => resolve());
  });
}

function differences(expected: readonly Reading[], found: readonly Reading[]): string | null {
  for (let i = 0; i < expected.length; i++) {
    if (JSON.stringify(expected[i]) !== JSON.stringify(found[i]))
      return `the lane reads ${JSON.stringify(expected[i])}, node reads ${JSON.stringify(found[i])}`;
  }
  return found.length === expected.length ? null : `${found.length} requests instead of ${expected.length}`;
}

test('what the express lane takes, node and the main lane take as well, and read the same', async (t) => {
  let cases = 0;
  let taken = 0;
  const editions = fc.array(edition, { minLength: EDITIONS, maxLength: EDITIONS });
  const property = fc.asyncProperty(request, editions, fc.nat(), async (request, editions, cut) => {
    const expected: Reading[] = [];
    const pieces: Buffer[] = [];
    for (const bytes of [Buffer.from(request, 'latin1'), ...editions.map((edit) => edit(request))]) {
      cases++;
      const read = readStrict(bytes);
      if (read === null) continue;
      taken++;
      expected.push(read.reading);
      pieces.push(bytes.subarray(0, read.end));
      // In pieces it is the same request, and never another one sooner.
      const part = cut % (read.end - read.reading.body.length);
      if (reader.read(bytes, part, MAX_HEAD) !== NEEDS_MORE) throw new Error(`${part} bytes were taken for a head`);
    }
    const { readings, error } = await readWithNode(Buffer.concat(pieces));
    const difference = differences(expected, readings) ?? error;
    if (difference !== null) throw new Error(difference);
  });
  await fc.assert(property, { seed: SEED, numRuns: Math.ceil(CASES / (EDITIONS + 1)) });
  t.ok(cases >= CASES, `${cases} cases`);
  t.ok(taken > cases / 3, `${taken} of them taken`);
});
