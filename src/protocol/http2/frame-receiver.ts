import type { Buffer } from 'node:buffer';

import type { FieldSection } from './field-section.ts';
import type { PeerSettings } from './peer-settings.ts';

/**
 * Who hears of what a `ConnectionReader` reads. Bytes and sections are the reader's: they hold only during the call. It
 * may call `reset`, `open` and `stop` of the reader, but never `read`.
 */
export interface FrameReceiver {
  /** The head of a request (its stream is new) or of a response; interim responses are left out. */
  onHead(stream: number, section: FieldSection, isEnd: boolean): void;
  /** Trailers: the peer's last word on the stream. */
  onTrailers(stream: number, section: FieldSection): void;
  /**
   * A piece of DATA, as far as it has come: `bytes[start, end)`, which may be empty. `flowLength`: octets of both
   * flow-control windows that it uses, padding included.
   */
  onData(stream: number, bytes: Buffer, start: number, end: number, isEnd: boolean, flowLength: number): void;
  /** DATA that came for nobody: it uses the window of the connection all the same. */
  onDiscarded(flowLength: number): void;
  /** The peer has reset the stream, or one that it had ended, or one that is long over. */
  onReset(stream: number, code: number): void;
  /** The peer broke a rule: RST_STREAM with this code is due. Nothing more is told of the stream. */
  onStreamError(stream: number, code: number, problem: string): void;
  /** SETTINGS: an acknowledgement is due. The settings are the reader's, which changes them in place. */
  onSettings(settings: PeerSettings): void;
  /** Our oldest SETTINGS that were not acknowledged are in force. */
  onSettingsAck(): void;
  /** The answer with the same `bytes[at, at + 8)` is due. */
  onPing(bytes: Buffer, at: number): void;
  onPingAck(bytes: Buffer, at: number): void;
  /** `bytes[start, end)`: debug data. */
  onGoAway(lastStream: number, code: number, bytes: Buffer, start: number, end: number): void;
  /** Stream 0 is the connection; any other may be long over. */
  onWindowUpdate(stream: number, increment: number): void;
  /** The peer broke a rule: GOAWAY with this code is due. The reader reads no more. */
  onConnectionError(code: number, problem: string): void;
}

/**
 * What came of the kinds that cost more than they tell, since the owner of the reader last set them to 0. What is too much
 * in how much time is up to it, see RFC 9113 10.5.
 */
export class FrameCounts {
  settings = 0;
  pings = 0;
  /** RST_STREAM of the peer. */
  resets = 0;
  windowUpdates = 0;
  /** Stream errors of the peer: each costs an RST_STREAM. */
  errors = 0;
  /** Frames without an effect: unknown ones, PRIORITY, DATA without data, CONTINUATION without fields, late ones. */
  idle = 0;

  clear(): void {
    this.settings = 0;
    this.pings = 0;
    this.resets = 0;
    this.windowUpdates = 0;
    this.errors = 0;
    this.idle = 0;
  }
}
