import { EXACT, NO_MATCH, type NameTable, isOwnName, matchName, nameTable } from './name-table.ts';

/** What a field of a request is to the express lane. Only the plain ones cross to a backend. */
export const PLAIN = 0;
/** Stays on the connection and has no meaning here. */
export const DROPPED = 1;
export const HOST = 2;
export const CONTENT_LENGTH = 3;
export const CONNECTION = 4;
/** Makes the request one for the main lane. */
export const UNUSUAL = 5;

/**
 * By length: the names that `crossingOf` of header-crossing.ts keeps from backends, and those that frame a message or
 * ask for more than an answer. `Proxy-Connection` is among them because some parsers read it as `Connection`.
 */
const known: NameTable = nameTable({
  host: HOST,
  'content-length': CONTENT_LENGTH,
  connection: CONNECTION,
  'keep-alive': DROPPED,
  'proxy-authorization': DROPPED,
  'x-request-id': DROPPED,
  'transfer-encoding': UNUSUAL,
  'proxy-connection': UNUSUAL,
  te: UNUSUAL,
  trailer: UNUSUAL,
  upgrade: UNUSUAL,
  expect: UNUSUAL,
  'http2-settings': UNUSUAL,
});

/**
 * The kind of the field whose name is `bytes[start, end)`, in any case. Some servers read `_` as `-`: a name that is
 * known but for that is unusual.
 */
export function requestFieldKind(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  const candidates = known[length];
  if (candidates !== undefined) {
    for (let i = 0; i < candidates.length; i++) {
      const { octets, kind } = candidates[i]!;
      const match = matchName(bytes, start, octets);
      if (match !== NO_MATCH) return match === EXACT ? kind : UNUSUAL;
    }
  }
  return isOwnName(bytes, start, length) ? DROPPED : PLAIN;
}
