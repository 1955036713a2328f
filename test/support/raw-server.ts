import { Buffer } from 'node:buffer';
import { createServer, type AddressInfo, type Socket } from 'node:net';

export interface RawConnection {
  readonly socket: Socket;
  /** Everything that came on this connection. */
  readonly received: () => Buffer;
  /** Resolves when the connection is closed. */
  readonly closed: Promise<void>;
}

export interface RawServer {
  readonly url: string;
  readonly port: number;
  readonly connections: RawConnection[];
  /** All bytes of all connections as latin1 text. */
  received(): string;
  close(): Promise<void>;
}

/** Called with each piece that arrives. */
export type RawAnswerer = (connection: RawConnection, chunk: Buffer) => void;

/** A server of plain bytes, for what no HTTP library would send, and to see what arrives octet by octet. */
export async function startRawServer(onData: RawAnswerer, port = 0): Promise<RawServer> {
  const connections: RawConnection[] = [];
  const server = createServer((socket) => {
    const chunks: Buffer[] = [];
    const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
    const connection = { socket, closed, received: () => Buffer.concat(chunks) };
    connections.push(connection);
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      onData(connection, chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${taken}`,
    port: taken,
    connections,
    received: () => connections.map((connection) => connection.received().toString('latin1')).join(''),
    async close() {
      for (const { socket } of connections) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Answers each request once it is whole with the same bytes; requests are told apart by their Content-Length. */
export function answerBytes(bytes: string | Uint8Array): RawAnswerer {
  return ({ socket, received }) => {
    if (isWholeRequest(received())) socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  };
}

function isWholeRequest(bytes: Buffer): boolean {
  const end = bytes.lastIndexOf('\r\n\r\n');
  if (end === -1) return false;
  const head = bytes.subarray(0, end).toString('latin1');
  const length = /content-length: (\d+)(?![^]*content-length)/i.exec(head);
  return bytes.length >= end + 4 + Number(length?.[1] ?? 0);
}
