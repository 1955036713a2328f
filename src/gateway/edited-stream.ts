import { Buffer } from 'node:buffer';

import { GatewayError } from '../core/errors.ts';
import { frameMessage, isFrameStart, prefixBytes, readFrame } from '../protocol/grpc/frame.ts';
import type { BodyStream } from './ports.ts';

/** What is held of a stream must stay small: longer messages end it. */
const MESSAGE_MAX = 64 << 20;

/**
 * The messages of a stream, each changed by `edit`, which gives back the same buffer to leave one as it is. Compressed
 * messages pass as they are.
 */
export function editedStream({ length, source }: BodyStream, edit: (message: Buffer) => Buffer): BodyStream {
  return { kind: 'stream', length, source: { [Symbol.asyncIterator]: () => editFrames(source, edit) } };
}

async function* editFrames(
  source: AsyncIterable<Uint8Array>,
  edit: (message: Buffer) => Buffer,
): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let bytes = 0;
  let wanted = prefixBytes;
  for await (const chunk of source) {
    held.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
    bytes += chunk.length;
    if (bytes < wanted) continue;
    const whole = held.length === 1 ? held[0]! : Buffer.concat(held);
    let at = 0;
    for (let frame = readFrame(whole); frame !== null; frame = readFrame(whole, at)) {
      yield editFrame(whole.subarray(at, frame.end), frame.isCompressed, frame.message, edit);
      at = frame.end;
    }
    const left = whole.subarray(at);
    wanted = wantedOf(left);
    held = left.length === 0 ? [] : [left];
    bytes = left.length;
  }
  // Cut short: the model server is to see that.
  yield* held;
}

function editFrame(framed: Buffer, isCompressed: boolean, message: Buffer, edit: (message: Buffer) => Buffer): Buffer {
  const edited = isCompressed ? message : edit(message);
  return edited === message ? framed : frameMessage(edited);
}

/** Bytes of the message that begins here. Throws for what is no message, or too long. */
function wantedOf(bytes: Buffer): number {
  if (bytes.length > 0 && !isFrameStart(bytes)) throw new GatewayError('BAD_REQUEST');
  if (bytes.length < prefixBytes) return prefixBytes;
  const length = bytes.readUInt32BE(1);
  if (length > MESSAGE_MAX) throw new GatewayError('BODY_TOO_LARGE');
  return prefixBytes + length;
}
