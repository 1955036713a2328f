import type { Buffer } from 'node:buffer';
import { createSecureServer, createServer, type Http2Server } from 'node:http2';

import { streamHead } from './node-fields.ts';
import { NodeServerStream } from './node-server-stream.ts';
import { serverOptions, type ServerSessions, type StreamLimits } from './node-server-sessions.ts';
import type { OnStream } from './server-side.ts';

/** PEM. */
export interface FrontTls {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Authorities of client certificates, which are then demanded; null: none are. */
  readonly clientCa: Buffer | null;
}

export interface NodeServerOptions extends StreamLimits {
  readonly tls: FrontTls | null;
  /** For a new connection to say that it speaks HTTP/2. */
  readonly prefaceMs: number;
}

/** A server of node:http2: by prior knowledge, or over TLS by ALPN. */
export function createNodeServer(
  options: NodeServerOptions,
  sessions: ServerSessions,
  onStream: OnStream,
): Http2Server {
  const server = openServer(options);
  sessions.watch(server);
  server.on('stream', (stream, _headers, _flags, raw) => {
    const isEnded = stream.endAfterHeaders;
    const { method, path, authority, fields } = streamHead(raw);
    onStream(new NodeServerStream(stream, isEnded), { method, path, authority, block: blockOf(fields) }, isEnded);
  });
  return server;
}

function openServer(options: NodeServerOptions): Http2Server {
  const { tls, prefaceMs } = options;
  const common = serverOptions(options);
  if (tls === null) return createServer(common);
  const { cert, key, clientCa } = tls;
  return createSecureServer({
    ...common,
    cert,
    key,
    minVersion: 'TLSv1.2',
    handshakeTimeout: prefaceMs,
    ...(clientCa === null ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
  });
}

/** The fields are those of a message that was well-formed, so each can be written down again. */
function blockOf(fields: readonly string[]): string {
  let block = '';
  for (let i = 0; i + 1 < fields.length; i += 2) block += `${fields[i]!}: ${fields[i + 1]!}\r\n`;
  return block;
}
