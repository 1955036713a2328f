import { Buffer } from 'node:buffer';

import { GatewayError } from '../core/errors.ts';
import { frameMessage, onlyMessage } from '../protocol/grpc/frame.ts';
import type { BodyStream } from './ports.ts';

/**
 * The messages of a stream, each changed by `edit`, which gives back the same buffer to leave one as it is. The lane has
 * read them: each piece is one message, not compressed.
 */
export function editedStream({ source }: BodyStream, edit: (message: Buffer) => Buffer): BodyStream {
  return { kind: 'stream', length: null, source: { [Symbol.asyncIterator]: () => editPieces(source, edit) } };
}

async function* editPieces(
  source: AsyncIterable<Uint8Array>,
  edit: (message: Buffer) => Buffer,
): AsyncGenerator<Uint8Array> {
  for await (const piece of source) {
    const message = onlyMessage(Buffer.from(piece.buffer, piece.byteOffset, piece.length));
    if (message === null) throw new GatewayError('INTERNAL', undefined, 'a piece of a stream is not one message');
    const edited = edit(message);
    yield edited === message ? piece : frameMessage(edited);
  }
}
