import { Buffer } from 'node:buffer';

/** Length of what is before a message: one byte of flags, four of its length (gRPC over HTTP/2, "Length-Prefixed-Message"). */
export const prefixBytes = 5;

/** A message with its prefix, not compressed. */
export function frameMessage(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(prefixBytes + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, prefixBytes);
  return framed;
}

/** One message of a body of messages. */
export interface Frame {
  readonly isCompressed: boolean;
  readonly message: Buffer;
  /** Where the next one begins. */
  readonly end: number;
}

/**
 * The message that begins at `start`, as a view of the bytes; null when it is not whole yet, or its flags are none that
 * gRPC has (`isFrameStart` tells which).
 */
export function readFrame(bytes: Buffer, start = 0): Frame | null {
  if (bytes.length < start + prefixBytes || !isFrameStart(bytes, start)) return null;
  const end = start + prefixBytes + bytes.readUInt32BE(start + 1);
  if (bytes.length < end) return null;
  return { isCompressed: bytes[start] === 1, message: bytes.subarray(start + prefixBytes, end), end };
}

/** Whether the byte can be the flags of a message. */
export function isFrameStart(bytes: Uint8Array, start = 0): boolean {
  return bytes[start] === 0 || bytes[start] === 1;
}

/** The one message that a body is, as a view; null when it is anything else, or compressed. */
export function onlyMessage(body: Buffer): Buffer | null {
  const frame = readFrame(body);
  return frame !== null && !frame.isCompressed && frame.end === body.length ? frame.message : null;
}
