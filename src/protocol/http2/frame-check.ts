import {
  ACK,
  CONTINUATION,
  DATA,
  errorCode,
  GOAWAY,
  HEADERS,
  PADDED,
  PING,
  PRIORITY,
  PUSH_PROMISE,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
  WITH_PRIORITY,
} from './frames.ts';

const { NO_ERROR, PROTOCOL_ERROR, FRAME_SIZE_ERROR } = errorCode;

/**
 * What of RFC 9113 6 a frame header breaks by itself, whatever came before it: the code of the connection error, or
 * NO_ERROR. The length of PRIORITY is not looked at: it is an error of the stream only.
 */
export function checkFrameHeader(type: number, flags: number, length: number, stream: number): number {
  switch (type) {
    case DATA:
      if (stream === 0) return PROTOCOL_ERROR;
      return (flags & PADDED) !== 0 && length === 0 ? FRAME_SIZE_ERROR : NO_ERROR;
    case HEADERS:
      if (stream === 0) return PROTOCOL_ERROR;
      return length < headersPrefix(flags) ? FRAME_SIZE_ERROR : NO_ERROR;
    case PRIORITY:
    case CONTINUATION:
      return stream === 0 ? PROTOCOL_ERROR : NO_ERROR;
    case RST_STREAM:
      if (stream === 0) return PROTOCOL_ERROR;
      return length === 4 ? NO_ERROR : FRAME_SIZE_ERROR;
    case SETTINGS:
      if (stream !== 0) return PROTOCOL_ERROR;
      return length % 6 !== 0 || ((flags & ACK) !== 0 && length > 0) ? FRAME_SIZE_ERROR : NO_ERROR;
    case PUSH_PROMISE:
      // Clients never push, and servers are told by ENABLE_PUSH that they must not.
      return PROTOCOL_ERROR;
    case PING:
      if (stream !== 0) return PROTOCOL_ERROR;
      return length === 8 ? NO_ERROR : FRAME_SIZE_ERROR;
    case GOAWAY:
      if (stream !== 0) return PROTOCOL_ERROR;
      return length >= 8 ? NO_ERROR : FRAME_SIZE_ERROR;
    case WINDOW_UPDATE:
      return length === 4 ? NO_ERROR : FRAME_SIZE_ERROR;
    default:
      // RFC 9113 5.5.
      return NO_ERROR;
  }
}

/** Octets before the block in HEADERS: the length of the padding, and a priority, which nobody heeds any more. */
export function headersPrefix(flags: number): number {
  return ((flags & PADDED) !== 0 ? 1 : 0) + ((flags & WITH_PRIORITY) !== 0 ? 5 : 0);
}
