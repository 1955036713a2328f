import { errorCode, FRAME_BYTES_MAX, FRAME_BYTES_MIN, readUint32, setting } from './frames.ts';
import { WINDOW_DEFAULT, WINDOW_MAX } from './flow.ts';
import { TABLE_SIZE_DEFAULT } from './hpack-decoder.ts';

/** Octets of one setting. */
const SETTING_BYTES = 6;

/** What the peer wants of us, RFC 9113 6.5.2, with the values that hold as long as it has not said anything. */
export class PeerSettings {
  headerTableSize: number = TABLE_SIZE_DEFAULT;
  enablePush = true;
  /** Streams that we may open. */
  maxConcurrentStreams: number = Number.POSITIVE_INFINITY;
  initialWindowSize: number = WINDOW_DEFAULT;
  maxFrameSize: number = FRAME_BYTES_MIN;
  enableConnectProtocol = false;

  /**
   * Takes in the payload `bytes[start, end)` of SETTINGS, a multiple of six octets: 0, or the code of the connection error.
   * A setting that is not known is ignored. `isServer`: we are the server; only clients can be pushed to.
   */
  apply(bytes: Uint8Array, start: number, end: number, isServer: boolean): number {
    for (let at = start; at < end; at += SETTING_BYTES) {
      const code = this.#applyOne((bytes[at]! << 8) | bytes[at + 1]!, readUint32(bytes, at + 2), isServer);
      if (code !== errorCode.NO_ERROR) return code;
    }
    return errorCode.NO_ERROR;
  }

  #applyOne(id: number, value: number, isServer: boolean): number {
    if (id === setting.HEADER_TABLE_SIZE) this.headerTableSize = value;
    else if (id === setting.ENABLE_PUSH) {
      if (value > (isServer ? 1 : 0)) return errorCode.PROTOCOL_ERROR;
      this.enablePush = value === 1;
    } else if (id === setting.MAX_CONCURRENT_STREAMS) this.maxConcurrentStreams = value;
    else if (id === setting.INITIAL_WINDOW_SIZE) {
      if (value > WINDOW_MAX) return errorCode.FLOW_CONTROL_ERROR;
      this.initialWindowSize = value;
    } else if (id === setting.MAX_FRAME_SIZE) {
      if (value < FRAME_BYTES_MIN || value > FRAME_BYTES_MAX) return errorCode.PROTOCOL_ERROR;
      this.maxFrameSize = value;
    } else if (id === setting.ENABLE_CONNECT_PROTOCOL) {
      // It cannot be taken back, RFC 8441 3.
      if (value > 1 || (value === 0 && this.enableConnectProtocol)) return errorCode.PROTOCOL_ERROR;
      this.enableConnectProtocol = value === 1;
    }
    return errorCode.NO_ERROR;
  }
}
