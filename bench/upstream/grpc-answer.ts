import { Buffer } from 'node:buffer';

const DATA = 0;
const HEADERS = 1;
const END_STREAM = 1;
const END_HEADERS = 4;
/** Entries of the static table of HPACK (RFC 7541, appendix A). */
const STATUS_200 = 8;
const CONTENT_TYPE = 31;
const SHORT_STRING = 127;

/** A string of HPACK without Huffman code (RFC 7541, 5.2). */
function stringBytes(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length >= SHORT_STRING) throw new RangeError(`too long for one octet of length: ${text}`);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

/** A frame of stream 1 (RFC 9113, 4.1). */
function frame(type: number, flags: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(1, 5);
  return Buffer.concat([head, payload]);
}

/** A message of gRPC with its prefix, not compressed. */
export function frameMessage(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/**
 * The frames of a whole answer with status OK. Its fields are literals without indexing (RFC 7541, 6.2.2), so the same
 * bytes are right on every connection at any time.
 */
export function answerFrames(message: Uint8Array): Buffer {
  const contentType = Buffer.from([0x0f, CONTENT_TYPE - 0x0f]);
  const head = Buffer.concat([Buffer.from([0x80 | STATUS_200]), contentType, stringBytes('application/grpc')]);
  const trailers = Buffer.concat([Buffer.from([0]), stringBytes('grpc-status'), stringBytes('0')]);
  return Buffer.concat([
    frame(HEADERS, END_HEADERS, head),
    frame(DATA, 0, frameMessage(message)),
    frame(HEADERS, END_HEADERS | END_STREAM, trailers),
  ]);
}
