import { EXACT, NO_MATCH, type NameTable, isOwnName, matchName, nameTable } from './name-table.ts';

/** What a field of an answer is to a gateway. The first two kinds cross to the client, the others do not. */
export const PLAIN = 0;
export const CONTENT_LENGTH = 1;
/** Hop-by-hop or ours, and without a meaning of its own here. */
export const DROPPED = 2;
export const TRANSFER_ENCODING = 3;
export const CONNECTION = 4;
export const KEEP_ALIVE = 5;
const PROXY_CONNECTION = 6;

/** By length; no two of them have length and first letter in common but the two with ten letters. */
const known: NameTable = nameTable({
  'content-length': CONTENT_LENGTH,
  'transfer-encoding': TRANSFER_ENCODING,
  connection: CONNECTION,
  'keep-alive': KEEP_ALIVE,
  'proxy-connection': PROXY_CONNECTION,
  'proxy-authenticate': DROPPED,
  te: DROPPED,
  trailer: DROPPED,
  upgrade: DROPPED,
  'x-request-id': DROPPED,
  'http2-settings': DROPPED,
});

/**
 * The kind of the field whose name is `bytes[start, end)`, in any case. It drops what `crossingOf` of header-crossing.ts
 * drops from answers, which reads `_` as `-`; such a name never frames a message.
 */
export function answerFieldKind(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  const candidates = known[length];
  if (candidates !== undefined) {
    for (let i = 0; i < candidates.length; i++) {
      const { octets, kind } = candidates[i]!;
      const match = matchName(bytes, start, octets);
      if (match === NO_MATCH) continue;
      if (match === EXACT) return kind;
      return kind === CONTENT_LENGTH ? PLAIN : DROPPED;
    }
  }
  return isOwnName(bytes, start, length) ? DROPPED : PLAIN;
}
