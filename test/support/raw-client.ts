import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  /** Lower-case names; repeated fields joined by a comma. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** An HTTP client that sends the bytes it is told to and reads answers strictly, so that tests see what is on the wire. */
export class RawClient {
  readonly socket: Socket;
  readonly #closed: Promise<void>;
  #buffer = Buffer.alloc(0);
  #isEnded = false;
  #wake: (() => void) | null = null;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
      this.#wake?.();
    });
    const end = (): void => {
      this.#isEnded = true;
      this.#wake?.();
    };
    socket.on('end', end);
    socket.on('error', end);
    this.#closed = new Promise((resolve) => {
      socket.on('close', () => {
        end();
        resolve();
      });
    });
  }

  static async connect(url: string): Promise<RawClient> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port) });
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  /** Resolves when the connection is closed by either side. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  /** Bytes received and not yet read as an answer. */
  get rest(): Buffer {
    return this.#buffer;
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** The next answer, also an informational one; null when the connection ended before it was complete. */
  async answer(): Promise<RawAnswer | null> {
    const head = await this.until(() => this.#buffer.indexOf('\r\n\r\n') !== -1);
    if (!head) return null;
    const end = this.#buffer.indexOf('\r\n\r\n');
    const [statusLine = '', ...lines] = this.#buffer.subarray(0, end).toString('latin1').split('\r\n');
    const match = /^HTTP\/1\.1 (\d{3}) /.exec(`${statusLine} `);
    if (match === null) throw new Error(`not a status line: ${statusLine}`);
    const status = Number(match[1]);
    const headers = new Map<string, string>();
    for (const line of lines) {
      const colon = line.indexOf(':');
      const name = line.slice(0, colon).toLowerCase();
      const value = line.slice(colon + 1).trim();
      headers.set(name, headers.has(name) ? `${headers.get(name)}, ${value}` : value);
    }
    this.#buffer = this.#buffer.subarray(end + 4);
    const body = await this.#body(status, headers);
    return body === null ? null : { status, headers, body };
  }

  async #body(status: number, headers: ReadonlyMap<string, string>): Promise<Buffer | null> {
    if (status < 200 || status === 204 || status === 304) return Buffer.alloc(0);
    if (headers.get('transfer-encoding') === 'chunked') return this.#chunks();
    const length = headers.get('content-length');
    if (length === undefined) {
      await this.until(() => false);
      return this.#take(this.#buffer.length);
    }
    const isWhole = await this.until(() => this.#buffer.length >= Number(length));
    return isWhole ? this.#take(Number(length)) : null;
  }

  async #chunks(): Promise<Buffer | null> {
    const chunks: Buffer[] = [];
    for (;;) {
      if (!(await this.until(() => this.#buffer.indexOf('\r\n') !== -1))) return null;
      const end = this.#buffer.indexOf('\r\n');
      const size = Number.parseInt(this.#buffer.subarray(0, end).toString('latin1'), 16);
      if (!(await this.until(() => this.#buffer.length >= end + 2 + size + 2))) return null;
      this.#take(end + 2);
      chunks.push(this.#take(size));
      if (this.#take(2).toString('latin1') !== '\r\n') throw new Error('a chunk does not end with CRLF');
      if (size === 0) return Buffer.concat(chunks);
    }
  }

  /** Waits until the condition holds for what was received; false when the connection ended first. */
  async until(holds: () => boolean): Promise<boolean> {
    while (!holds()) {
      if (this.#isEnded) return false;
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = null;
    }
    return true;
  }

  #take(length: number): Buffer {
    const taken = this.#buffer.subarray(0, length);
    this.#buffer = this.#buffer.subarray(length);
    return taken;
  }

  close(): void {
    this.socket.destroy();
  }
}

/** Sends bytes on a connection of their own and gives the first final answer; null when there was none. */
export async function sendRaw(url: string, bytes: string | Uint8Array): Promise<RawAnswer | null> {
  const client = await RawClient.connect(url);
  client.send(bytes);
  let answer = await client.answer();
  while (answer !== null && answer.status < 200) answer = await client.answer();
  client.close();
  return answer;
}

/** A request with what HTTP/1.1 needs: Host, and the length of its body. */
export function rawRequest(
  path: string,
  body: string | Uint8Array | null = '{"inputs":[]}',
  headers: readonly string[] = [],
): Buffer {
  const bytes = body === null ? Buffer.alloc(0) : Buffer.from(body as string, 'latin1');
  const lines = [
    `${body === null ? 'GET' : 'POST'} ${path} HTTP/1.1`,
    'Host: gateway',
    ...headers,
    ...(body === null ? [] : [`Content-Length: ${bytes.length}`]),
  ];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), bytes]);
}
