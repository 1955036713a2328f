/** What a client sends first, RFC 9113 3.4. */
export const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/** Length (3 octets), type, flags, stream (4), RFC 9113 4.1. */
export const FRAME_HEADER_BYTES = 9;
/** The smallest and the largest value of SETTINGS_MAX_FRAME_SIZE; the former is in force at first. */
export const FRAME_BYTES_MIN = 16384;
export const FRAME_BYTES_MAX = 0xffffff;

/** Types of frames. */
export const DATA = 0;
export const HEADERS = 1;
export const PRIORITY = 2;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const PUSH_PROMISE = 5;
export const PING = 6;
export const GOAWAY = 7;
export const WINDOW_UPDATE = 8;
export const CONTINUATION = 9;

/** Flags; what they mean depends on the type. */
export const ACK = 0x1;
export const END_STREAM = 0x1;
export const END_HEADERS = 0x4;
export const PADDED = 0x8;
export const WITH_PRIORITY = 0x20;

/** Error codes of RST_STREAM and GOAWAY, RFC 9113 7. */
export const errorCode = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  INTERNAL_ERROR: 2,
  FLOW_CONTROL_ERROR: 3,
  SETTINGS_TIMEOUT: 4,
  STREAM_CLOSED: 5,
  FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  COMPRESSION_ERROR: 9,
  CONNECT_ERROR: 10,
  ENHANCE_YOUR_CALM: 11,
  INADEQUATE_SECURITY: 12,
  HTTP_1_1_REQUIRED: 13,
} as const;

/** Identifiers of settings, RFC 9113 6.5.2 and RFC 8441 3. */
export const setting = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
  ENABLE_CONNECT_PROTOCOL: 8,
} as const;

/** The length of the payload of the frame whose header is at `at`. */
export function frameLength(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
}

/** The type of the frame whose header is at `at`. */
export function frameType(bytes: Uint8Array, at: number): number {
  return bytes[at + 3]!;
}

/** The flags of the frame whose header is at `at`. */
export function frameFlags(bytes: Uint8Array, at: number): number {
  return bytes[at + 4]!;
}

/** The stream of the frame whose header is at `at`, without the reserved bit. */
export function frameStream(bytes: Uint8Array, at: number): number {
  return readUint31(bytes, at + 5);
}

/** 31 bits without the reserved one before them, as streams and increments are. */
export function readUint31(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! & 0x7f) << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

/** 32 bits, as error codes and settings are. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/**
 * The writers below write at `at`, where there is room, and return the position after what they wrote. This one writes a
 * frame header alone; `length` is that of the payload, which the caller writes (DATA).
 */
export function writeFrameHeader(
  into: Uint8Array,
  at: number,
  length: number,
  type: number,
  flags: number,
  stream: number,
): number {
  into[at] = length >> 16;
  into[at + 1] = length >> 8;
  into[at + 2] = length;
  into[at + 3] = type;
  into[at + 4] = flags;
  return writeUint32(into, at + 5, stream);
}

/** Octets that `writeHeaders` writes for a block of `length` octets. */
export function headersBytes(length: number, maxFrameBytes: number): number {
  return length + FRAME_HEADER_BYTES * Math.max(1, Math.ceil(length / maxFrameBytes));
}

/** HEADERS with the block `block[0, length)`, and CONTINUATION as far as it is longer than the peer's frames may be. */
export function writeHeaders(
  into: Uint8Array,
  at: number,
  stream: number,
  isEnd: boolean,
  block: Uint8Array,
  length: number,
  maxFrameBytes: number,
): number {
  let end = at;
  let from = 0;
  do {
    const size = Math.min(length - from, maxFrameBytes);
    const flags = (from + size === length ? END_HEADERS : 0) | (isEnd && from === 0 ? END_STREAM : 0);
    end = writeFrameHeader(into, end, size, from === 0 ? HEADERS : CONTINUATION, flags, stream);
    for (let i = 0; i < size; i++) into[end + i] = block[from + i]!;
    end += size;
    from += size;
  } while (from < length);
  return end;
}

/** RST_STREAM, 13 octets. */
export function writeReset(into: Uint8Array, at: number, stream: number, code: number): number {
  return writeUint32(into, writeFrameHeader(into, at, 4, RST_STREAM, 0, stream), code);
}

/** WINDOW_UPDATE, 13 octets; stream 0 is the connection. */
export function writeWindowUpdate(into: Uint8Array, at: number, stream: number, increment: number): number {
  return writeUint32(into, writeFrameHeader(into, at, 4, WINDOW_UPDATE, 0, stream), increment);
}

/** SETTINGS of a flat list identifier, value, identifier, value ...: 9 octets and 6 for each. */
export function writeSettings(into: Uint8Array, at: number, list: readonly number[]): number {
  let end = writeFrameHeader(into, at, list.length * 3, SETTINGS, 0, 0);
  for (let i = 0; i + 1 < list.length; i += 2) {
    into[end] = list[i]! >> 8;
    into[end + 1] = list[i]!;
    end = writeUint32(into, end + 2, list[i + 1]!);
  }
  return end;
}

/** The acknowledgement of SETTINGS, 9 octets. */
export function writeSettingsAck(into: Uint8Array, at: number): number {
  return writeFrameHeader(into, at, 0, SETTINGS, ACK, 0);
}

/** PING with the eight octets `opaque[from, from + 8)`, 17 octets. */
export function writePing(into: Uint8Array, at: number, opaque: Uint8Array, from: number, isAck: boolean): number {
  const end = writeFrameHeader(into, at, 8, PING, isAck ? ACK : 0, 0);
  for (let i = 0; i < 8; i++) into[end + i] = opaque[from + i]!;
  return end + 8;
}

/** GOAWAY without debug data, 17 octets; `lastStream`: streams after it were not looked at. */
export function writeGoAway(into: Uint8Array, at: number, lastStream: number, code: number): number {
  return writeUint32(into, writeUint32(into, writeFrameHeader(into, at, 8, GOAWAY, 0, 0), lastStream), code);
}

function writeUint32(into: Uint8Array, at: number, value: number): number {
  into[at] = value >>> 24;
  into[at + 1] = value >> 16;
  into[at + 2] = value >> 8;
  into[at + 3] = value;
  return at + 4;
}
