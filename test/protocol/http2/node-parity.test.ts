import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect as connectHttp2, createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

import * as fc from 'fast-check';
import { test } from 'tap';

import { ConnectionReader } from '../../../src/protocol/http2/connection-reader.ts';
import type { FieldSection } from '../../../src/protocol/http2/field-section.ts';
import {
  headersBytes,
  setting,
  writeHeaders,
  writeSettings,
  writeSettingsAck,
} from '../../../src/protocol/http2/frames.ts';
import { encoderDefaults, HpackEncoder } from '../../../src/protocol/http2/hpack-encoder.ts';
import type { PeerSettings } from '../../../src/protocol/http2/peer-settings.ts';
import { clientOptions, preface, Recorder, serverOptions } from './frame-bytes.ts';

const maxFrameBytes = 16384;
const name = fc.oneof(
  fc.constantFrom(
    'user-agent',
    'grpc-timeout',
    'x-request-id',
    'accept',
    'x-a',
    'x-b',
    'x-c',
    'authorization',
    'server',
  ),
  fc.stringMatching(/^x-[!#$%&'*+\-.^_`|~0-9a-z]{1,20}$/),
);
const value = fc.oneof(
  fc.constantFrom('', 'a', 'application/grpc', 'x'.repeat(500)),
  fc.stringMatching(/^[!-~](?:[ -~]{0,40}[!-~])?$/),
);
const list = fc.uniqueArray(fc.tuple(name, value), { maxLength: 10, selector: ([key]) => key });
const path = fc.stringMatching(/^\/[!"$-~]{0,30}$/);
/** Requests of one connection; some come again. */
const requests = fc
  .array(fc.tuple(path, list, list, list), { minLength: 1, maxLength: 12 })
  .map((some) => [...some, ...some, ...some.toReversed()]);
const samples = fc.sample(requests, { seed: 1, numRuns: 12 });
const tableSizes = [4096, 0, 128, 65536];

const blockOf = (fields: ReadonlyArray<readonly [string, string]>): string =>
  fields.map(([key, text]) => `${key}: ${text}\r\n`).join('');
const objectOf = (fields: ReadonlyArray<readonly [string, string]>): Record<string, string> =>
  Object.fromEntries(fields);
const sorted = (lines: string): string[] => lines.split('\r\n').sort();
/** Raw headers of node:http2 as a block, without pseudo fields and those that node adds. */
const blockOfRaw = (raw: readonly string[]): string => {
  let lines = '';
  for (let i = 0; i < raw.length; i += 2) if (!/^(?::.*|date)$/.test(raw[i]!)) lines += `${raw[i]}: ${raw[i + 1]}\r\n`;
  return lines;
};

function frameHeaders(encoder: HpackEncoder, stream: number, isEnd: boolean): Buffer {
  const bytes = Buffer.alloc(headersBytes(encoder.length, maxFrameBytes));
  writeHeaders(bytes, 0, stream, isEnd, encoder.bytes, encoder.length, maxFrameBytes);
  return bytes;
}

/** What `writeSettings` makes of a list. */
function settingsFrame(entries: readonly number[]): Buffer {
  const bytes = Buffer.alloc(9 + entries.length * 3);
  writeSettings(bytes, 0, entries);
  return bytes;
}

/** A connection that answers SETTINGS, and whose encoder heeds them. */
class Peer extends Recorder {
  readonly encoder = new HpackEncoder({ ...encoderDefaults, tableSize: 65536 });
  readonly reader: ConnectionReader;
  readonly socket: Socket;
  readonly #tableSize: number;
  /** Tells of the end of a stream. */
  onDone: () => void = () => {};

  constructor(socket: Socket, isServer: boolean, tableSize: number) {
    super();
    this.socket = socket;
    this.#tableSize = tableSize;
    this.reader = new ConnectionReader(isServer ? serverOptions : clientOptions, this);
    socket.on('data', (bytes) => this.reader.read(bytes, 0, bytes.length));
    socket.write(
      Buffer.concat([isServer ? Buffer.alloc(0) : preface, settingsFrame([setting.HEADER_TABLE_SIZE, tableSize])]),
    );
  }

  override onSettings(settings: PeerSettings): void {
    this.encoder.setPeerTableSize(settings.headerTableSize);
    const ack = Buffer.alloc(9);
    writeSettingsAck(ack, 0);
    this.socket.write(ack);
  }

  override onSettingsAck(): void {
    this.reader.setTableSize(this.#tableSize);
  }

  override onConnectionError(code: number, problem: string): void {
    throw new Error(`${code} ${problem}`);
  }
}

class ServerPeer extends Peer {
  readonly heard: Array<{ path: string; block: string; trailers: string }> = [];
  /** What to answer, one after the other. */
  readonly answers: Array<{ head: string; trailers: string }>;

  constructor(socket: Socket, tableSize: number, answers: Array<{ head: string; trailers: string }>) {
    super(socket, true, tableSize);
    this.answers = answers;
  }

  override onHead(stream: number, section: FieldSection, isEnd: boolean): void {
    this.heard.push({ path: section.path, block: section.block, trailers: '' });
    if (isEnd) this.#answer(stream);
  }

  override onTrailers(stream: number, section: FieldSection): void {
    this.heard.at(-1)!.trailers = section.block;
    this.#answer(stream);
  }

  override onData(stream: number, _bytes: Buffer, _start: number, _end: number, isEnd: boolean): void {
    if (isEnd) this.#answer(stream);
  }

  #answer(stream: number): void {
    const { head, trailers } = this.answers[this.heard.length - 1]!;
    this.encoder.encodeResponse(200, head);
    const first = frameHeaders(this.encoder, stream, false);
    this.encoder.encodeTrailers(trailers);
    this.socket.write(Buffer.concat([first, frameHeaders(this.encoder, stream, true)]));
  }
}

test('requests of node:http2 are read as they were sent, and our responses as well', async (t) => {
  for (const [i, sample] of samples.entries()) {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {
      settings: { headerTableSize: tableSizes[(i + 1) % tableSizes.length]! },
    });
    const [socket] = (await once(server, 'connection')) as [Socket];
    const answers = sample.map(([, , head, trailers]) => ({ head: blockOf(head), trailers: blockOf(trailers) }));
    const peer = new ServerPeer(socket, tableSizes[i % tableSizes.length]!, answers);
    for (const [at, [target, fields, , sent]] of sample.entries()) {
      const stream = session.request({ ':method': 'POST', ':path': target, ...objectOf(fields) }, {
        waitForTrailers: true,
      } as object);
      stream.on('wantTrailers', () => stream.sendTrailers(objectOf(sent)));
      let [head, trailers] = ['', ''];
      stream.on('response', (_headers, _flags, raw?: string[]) => (head = blockOfRaw(raw ?? [])));
      stream.on('trailers', (_headers, _flags, raw?: string[]) => (trailers = blockOfRaw(raw ?? [])));
      stream.end();
      stream.resume();
      await once(stream, 'close');
      const heard = peer.heard[at]!;
      t.equal(heard.path, target);
      t.strictSame(sorted(heard.block), sorted(blockOf(fields)));
      t.strictSame(sorted(heard.trailers), sorted(blockOf(sent)));
      t.equal(head, answers[at]!.head);
      t.equal(trailers, answers[at]!.trailers);
    }
    session.destroy();
    socket.destroy();
    server.close();
  }
});

class ClientPeer extends Peer {
  head = '';
  trailers = '';
  status = 0;

  override onHead(_stream: number, section: FieldSection, isEnd: boolean): void {
    this.head = section.block;
    this.status = section.status;
    if (isEnd) this.onDone();
  }

  override onTrailers(_stream: number, section: FieldSection): void {
    this.trailers = section.block;
    this.onDone();
  }

  override onData(_stream: number, _bytes: Buffer, _start: number, _end: number, isEnd: boolean): void {
    if (isEnd) this.onDone();
  }
}

test('our requests are read by node:http2 as they were sent, and its responses by us', async (t) => {
  for (const [i, sample] of samples.entries()) {
    const server = createHttp2Server({ settings: { headerTableSize: tableSizes[i % tableSizes.length]! } });
    let answered = 0;
    const heard: Array<{ path: string; block: string }> = [];
    server.on('stream', (stream: ServerHttp2Stream, headers, _flags, raw: string[]) => {
      const [, , head, trailers] = sample[answered++]!;
      heard.push({ path: String(headers[':path']), block: blockOfRaw(raw) });
      stream.respond({ ':status': 200, ...objectOf(head) }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers(objectOf(trailers)));
      stream.end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const peer = new ClientPeer(socket, false, tableSizes[(i + 1) % tableSizes.length]!);
    for (const [at, [target, fields, head, trailers]] of sample.entries()) {
      const stream = at * 2 + 1;
      peer.reader.open(stream);
      const done = new Promise<void>((resolve) => (peer.onDone = resolve));
      peer.encoder.encodeRequest('POST', 'http', '127.0.0.1', target, blockOf(fields));
      socket.write(frameHeaders(peer.encoder, stream, true));
      await done;
      t.strictSame(heard[at], { path: target, block: blockOf(fields) });
      t.equal(peer.status, 200);
      t.strictSame(sorted(peer.head.replace(/date: .*\r\n/, '')), sorted(blockOf(head)));
      t.strictSame(sorted(peer.trailers), sorted(blockOf(trailers)));
      peer.trailers = '';
    }
    t.equal(peer.reader.openStreams, 0);
    socket.destroy();
    server.close();
  }
});
