import { Buffer } from 'node:buffer';

import { ConnectionReader, readerDefaults, type ReaderOptions } from '../../../src/protocol/http2/connection-reader.ts';
import type { FieldSection } from '../../../src/protocol/http2/field-section.ts';
import type { FrameReceiver } from '../../../src/protocol/http2/frame-receiver.ts';
import {
  END_HEADERS,
  END_STREAM,
  errorCode,
  FRAME_HEADER_BYTES,
  HEADERS,
  PREFACE,
  SETTINGS,
  writeFrameHeader,
} from '../../../src/protocol/http2/frames.ts';
import type { PeerSettings } from '../../../src/protocol/http2/peer-settings.ts';

/** A frame as it is asked for, right or wrong. */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  writeFrameHeader(header, 0, payload.length, type, flags, stream);
  return Buffer.concat([header, payload]);
}

export function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
}

/** A block of literals that are not indexed; strings up to 126 octets. */
export function block(...fields: ReadonlyArray<readonly [string, string]>): Buffer {
  return Buffer.concat(
    fields.map(([name, value]) =>
      Buffer.concat([
        Buffer.from([0, name.length]),
        Buffer.from(name, 'latin1'),
        Buffer.from([value.length]),
        Buffer.from(value, 'latin1'),
      ]),
    ),
  );
}

/** The pseudo fields of a request for `/`. */
export const requestFields: ReadonlyArray<readonly [string, string]> = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'a'],
];

export function request(stream: number, flags = END_HEADERS | END_STREAM): Buffer {
  return frame(HEADERS, flags, stream, block(...requestFields));
}

export const preface = Buffer.from(PREFACE);
/** What a client begins with. */
export const clientStart = Buffer.concat([preface, frame(SETTINGS, 0, 0)]);
/** What a server begins with. */
export const serverStart = frame(SETTINGS, 0, 0);

const codeNames = Object.fromEntries(Object.entries(errorCode).map(([name, code]) => [code, name]));

export function codeName(code: number): string {
  return codeNames[code] ?? String(code);
}

/** Writes down what it hears. Pieces of DATA that follow each other are one, as it is up to the network where they part. */
export class Recorder implements FrameReceiver {
  readonly events: string[] = [];
  /** Octets of connection windows that are used up. */
  flowLength = 0;
  #data: { stream: number; bytes: Buffer[]; isEnd: boolean } | null = null;

  onHead(stream: number, section: FieldSection, isEnd: boolean): void {
    const { method, scheme, authority, path, status, block: fields } = section;
    this.#add(`head ${stream} ${JSON.stringify([method, scheme, authority, path, status, fields])} ${isEnd}`);
  }

  onTrailers(stream: number, section: FieldSection): void {
    this.#add(`trailers ${stream} ${JSON.stringify(section.block)}`);
  }

  onData(stream: number, bytes: Buffer, start: number, end: number, isEnd: boolean, flowLength: number): void {
    this.flowLength += flowLength;
    if (this.#data?.stream !== stream || this.#data.isEnd) {
      this.#flush();
      this.#data = { stream, bytes: [], isEnd: false };
    }
    this.#data.bytes.push(Buffer.from(bytes.subarray(start, end)));
    this.#data.isEnd = isEnd;
  }

  onDiscarded(flowLength: number): void {
    this.flowLength += flowLength;
  }

  onReset(stream: number, code: number): void {
    this.#add(`reset ${stream} ${codeName(code)}`);
  }

  onStreamError(stream: number, code: number, _problem: string): void {
    this.#add(`stream error ${stream} ${codeName(code)}`);
  }

  onSettings(settings: PeerSettings): void {
    this.#add(`settings ${JSON.stringify(settings)}`);
  }

  onSettingsAck(): void {
    this.#add('settings ack');
  }

  onPing(bytes: Buffer, at: number): void {
    this.#add(`ping ${bytes.toString('hex', at, at + 8)}`);
  }

  onPingAck(bytes: Buffer, at: number): void {
    this.#add(`ping ack ${bytes.toString('hex', at, at + 8)}`);
  }

  onGoAway(lastStream: number, code: number, bytes: Buffer, start: number, end: number): void {
    this.#add(`goaway ${lastStream} ${codeName(code)} ${bytes.toString('latin1', start, end)}`);
  }

  onWindowUpdate(stream: number, increment: number): void {
    this.#add(`window ${stream} ${increment}`);
  }

  onConnectionError(code: number, _problem: string): void {
    this.#add(`connection error ${codeName(code)}`);
  }

  /** All events, the data that are not told yet among them. */
  finish(): string[] {
    this.#flush();
    return this.events;
  }

  #add(event: string): void {
    this.#flush();
    this.events.push(event);
  }

  #flush(): void {
    if (this.#data === null) return;
    const { stream, bytes, isEnd } = this.#data;
    this.#data = null;
    this.events.push(`data ${stream} ${Buffer.concat(bytes).toString('latin1')} ${isEnd}`);
  }
}

export const serverOptions: ReaderOptions = { ...readerDefaults, isServer: true };
export const clientOptions: ReaderOptions = { ...readerDefaults, isServer: false };

/** What a reader tells of bytes that come in pieces of these lengths, over and over; `opened`: streams of a client. */
export function readAll(
  bytes: Buffer,
  options: ReaderOptions,
  lengths: readonly number[] = [bytes.length],
  opened: readonly number[] = [],
): { events: string[]; flowLength: number; reader: ConnectionReader } {
  const recorder = new Recorder();
  const reader = new ConnectionReader(options, recorder);
  for (const stream of opened) reader.open(stream);
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const end = Math.min(bytes.length, at + Math.max(1, lengths[i % lengths.length]!));
    // A copy that is overwritten afterwards: nothing may be kept of it.
    const piece = Buffer.from(bytes.subarray(at, end));
    reader.read(piece, 0, piece.length);
    piece.fill(0xee);
    at = end;
  }
  return { events: recorder.finish(), flowLength: recorder.flowLength, reader };
}
