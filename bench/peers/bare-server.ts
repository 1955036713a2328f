import { createServer, ServerResponse, type IncomingMessage } from 'node:http';
import { Pool, type Dispatcher } from 'undici';

const BODY_LIMIT_BYTES = 8 * 1_048_576;
const UPSTREAM_CONNECTIONS = 128;
/** RFC 9110 section 7.6.1, and those that undici writes itself (host, content-length) or refuses (expect). */
const NOT_SENT = new Set(
  (
    'connection keep-alive proxy-connection proxy-authorization te trailer transfer-encoding upgrade ' +
    'host content-length expect'
  ).split(' '),
);
const NOT_ANSWERED = new Set(
  'connection keep-alive proxy-authenticate te trailer transfer-encoding upgrade'.split(' '),
);

const [port, upstreamPort] = process.argv.slice(2);
const pool = new Pool(`http://127.0.0.1:${upstreamPort}`, {
  connections: UPSTREAM_CONNECTIONS,
  pipelining: 1,
  allowH2: false,
  headersTimeout: 5_000,
  bodyTimeout: 5_000,
});
const idle: Exchange[] = [];

class Reply extends ServerResponse {
  exchange: Exchange | null = null;
}

function joinChunks(chunks: readonly Buffer[]): Buffer {
  const [first] = chunks;
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
}

/** The names that a Connection header makes hop-by-hop, beside the usual two. */
function namedByConnection(connection: string | string[] | undefined): readonly string[] {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return [];
  return String(connection)
    .split(',')
    .map((each) => each.trim().toLowerCase());
}

function requestHeaders(request: IncomingMessage): string[] {
  const { rawHeaders } = request;
  const named = namedByConnection(request.headers.connection);
  const sent: string[] = [];
  for (let n = 0; n < rawHeaders.length; n += 2) {
    const name = (rawHeaders[n] ?? '').toLowerCase();
    if (!NOT_SENT.has(name) && !named.includes(name)) sent.push(name, rawHeaders[n + 1] ?? '');
  }
  return sent;
}

/** One request on its way: its closures are made once, and the object is used again for the next request. */
class Exchange implements Dispatcher.DispatchHandler {
  private request: IncomingMessage | null = null;
  private reply: Reply | null = null;
  private controller: Dispatcher.DispatchController | null = null;
  private chunks: Buffer[] = [];
  private bytes = 0;
  private status = 0;
  private headers: (string | string[])[] = [];
  private hasLength = false;

  begin(request: IncomingMessage, reply: Reply): void {
    this.request = request;
    this.reply = reply;
    reply.exchange = this;
    request.on('data', this.onBody);
    request.on('end', this.onBodyEnd);
    reply.on('close', onReplyClose);
  }

  private readonly onBody = (chunk: Buffer): void => {
    this.bytes += chunk.length;
    if (this.bytes <= BODY_LIMIT_BYTES) this.chunks.push(chunk);
  };

  private readonly onBodyEnd = (): void => {
    const { request } = this;
    if (request === null) return;
    if (this.bytes > BODY_LIMIT_BYTES) {
      this.refuse(413);
      return;
    }
    const body = this.bytes === 0 ? null : joinChunks(this.chunks);
    this.chunks = [];
    pool.dispatch(
      { path: request.url ?? '/', method: request.method ?? 'GET', headers: requestHeaders(request), body },
      this,
    );
  };

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    if (this.reply?.destroyed !== false) controller.abort(new Error('the client went away'));
  }

  onResponseStart(
    _: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200) return;
    this.status = status;
    this.hasLength = headers['content-length'] !== undefined;
    const named = namedByConnection(headers['connection']);
    for (const name in headers) {
      if (NOT_ANSWERED.has(name) || named.includes(name)) continue;
      this.headers.push(name, headers[name] ?? '');
    }
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.chunks.push(chunk);
  }

  onResponseEnd(): void {
    const { reply, headers } = this;
    if (reply !== null && !reply.destroyed) {
      const body = joinChunks(this.chunks);
      if (!this.hasLength && body.length > 0) headers.push('content-length', String(body.length));
      reply.writeHead(this.status, headers);
      reply.end(body);
    }
    this.release();
  }

  onResponseError(): void {
    this.refuse(502);
  }

  abort(): void {
    if (this.controller !== null) this.controller.abort(new Error('the client went away'));
  }

  private refuse(status: number): void {
    const { reply } = this;
    if (reply !== null && !reply.destroyed) {
      reply.writeHead(status, ['content-length', '0']);
      reply.end();
    }
    this.release();
  }

  private release(): void {
    if (this.reply !== null) this.reply.exchange = null;
    this.request = null;
    this.reply = null;
    this.controller = null;
    this.chunks = [];
    this.headers = [];
    this.bytes = 0;
    idle.push(this);
  }
}

function onReplyClose(this: Reply): void {
  this.exchange?.abort();
}

const server = createServer({ ServerResponse: Reply, keepAliveTimeout: 600_000 }, (request, reply) => {
  if (request.url === '/ready') {
    reply.end();
    return;
  }
  (idle.pop() ?? new Exchange()).begin(request, reply);
});
server.listen(Number(port), '127.0.0.1', 1024);
process.on('SIGTERM', () => process.exit(0));
