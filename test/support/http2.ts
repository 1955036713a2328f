import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionOptions,
  connect,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type SecureClientSessionOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';

/** All of an answer on one stream, as it came. */
export interface StreamAnswer {
  readonly status: number | undefined;
  readonly head: IncomingHttpHeaders | null;
  readonly body: Buffer;
  readonly trailers: IncomingHttpHeaders | null;
  /** Error code with which the stream was reset, 0 for none. */
  readonly code: number;
  /** Head and end came in one frame. */
  readonly isOnlyHead: boolean;
}

/** A client of node:http2, for what no library sends. */
export class Http2Client {
  readonly session: ClientHttp2Session;
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
  goaways = 0;

  constructor(url: string, options: ClientSessionOptions | SecureClientSessionOptions = {}) {
    this.session = connect(url, options);
    this.session.on('error', () => {});
    this.session.on('goaway', () => this.goaways++);
    this.closed = new Promise((resolve) => this.session.once('close', resolve));
  }

  /** Begins a stream; `POST` with the type of gRPC unless the fields say otherwise. */
  begin(path: string, fields: Record<string, string | string[]> = {}): ClientHttp2Stream {
    const head = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...fields };
    return this.session.request(head, { endStream: false });
  }

  async send(path: string, body: Buffer | null, fields: Record<string, string | string[]> = {}): Promise<StreamAnswer> {
    const stream = this.begin(path, fields);
    const answer = answerOf(stream);
    if (body === null) stream.end();
    else stream.end(body);
    return answer;
  }

  close(): void {
    this.session.destroy();
  }
}

/** Resolves when the stream is closed. */
export function answerOf(stream: ClientHttp2Stream): Promise<StreamAnswer> {
  return new Promise((resolve) => {
    let head: IncomingHttpHeaders | null = null;
    let trailers: IncomingHttpHeaders | null = null;
    let isOnlyHead = false;
    const chunks: Buffer[] = [];
    stream.on('response', (headers, flags) => {
      head = headers;
      isOnlyHead = (flags & 1) === 1;
    });
    stream.on('trailers', (headers) => (trailers = headers));
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', () => {});
    stream.once('close', () => {
      const status = head?.[':status'] as number | undefined;
      resolve({ status, head, body: Buffer.concat(chunks), trailers, code: stream.rstCode, isOnlyHead });
    });
  });
}

/** A message of gRPC with its prefix. */
export function frame(message: Uint8Array, isCompressed = false): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = isCompressed ? 1 : 0;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

export interface ReceivedStream {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  /** What has come so far. */
  readonly body: () => Buffer;
  /** Resolves when the client has half-closed. */
  readonly ended: Promise<void>;
}

export interface Http2TestServer {
  readonly url: string;
  readonly server: Http2Server;
  /** In the order of their coming. */
  readonly received: ReceivedStream[];
  readonly sessions: ServerHttp2Session[];
  close(): Promise<void>;
}

/** A server of node:http2 that answers each stream as told. */
export async function startHttp2Server(
  onStream: (received: ReceivedStream, index: number) => void,
  options: Parameters<typeof createServer>[0] = {},
  port = 0,
): Promise<Http2TestServer> {
  const server = createServer(options);
  const received: ReceivedStream[] = [];
  const sessions: ServerHttp2Session[] = [];
  server.on('session', (session) => sessions.push(session));
  server.on('sessionError', () => {});
  server.on('stream', (stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    const ended = new Promise<void>((resolve) => stream.once('end', resolve));
    const one = { stream, headers, body: () => Buffer.concat(chunks), ended };
    received.push(one);
    onStream(one, received.length - 1);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    server,
    received,
    sessions,
    async close() {
      for (const session of sessions) session.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Answers a stream as a server of gRPC does. */
export function answerCall(
  stream: ServerHttp2Stream,
  message: Uint8Array,
  trailers: Record<string, string> = {},
): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', ...trailers }));
  stream.end(frame(message));
}
