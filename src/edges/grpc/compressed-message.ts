import type { Buffer } from 'node:buffer';

import type { MessageBuffer } from './message-buffer.ts';
import type { RefusalReason } from './refusals.ts';

/** Takes an encoding off bytes, of which there may be no more than `maxBytes` then. */
export type Inflate = (
  encoding: string,
  bytes: Uint8Array,
  maxBytes: number,
) => Buffer | 'too-large' | 'garbage' | 'unknown';

/** What HTTP knows beside these is no encoding of gRPC. */
const encodings: ReadonlySet<string> = new Set(['gzip', 'deflate']);

/** A whole message without its compression, or why it cannot be read (gRPC, "Compression"). */
export function readMessage(
  messages: MessageBuffer,
  encoding: string | undefined,
  inflate: Inflate,
  maxBytes: number,
): Buffer | RefusalReason {
  if (!messages.isCompressed) return messages.message;
  if (encoding === undefined || encoding === 'identity') return 'no-encoding';
  if (!encodings.has(encoding)) return 'unknown-encoding';
  const inflated = inflate(encoding, messages.message, maxBytes);
  return inflated === 'unknown' ? 'unknown-encoding' : inflated;
}
