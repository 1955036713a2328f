/** What a field of a request is to the express lane. Only the plain ones cross to a backend. */
export const PLAIN = 0;
/** Stays on the connection and has no meaning here. */
export const DROPPED = 1;
export const HOST = 2;
export const CONTENT_LENGTH = 3;
export const CONNECTION = 4;
/** Makes the request one for the main lane. */
export const UNUSUAL = 5;

const HYPHEN = 0x2d;
const UNDERSCORE = 0x5f;

interface KnownName {
  readonly octets: Uint8Array;
  readonly kind: number;
}

/**
 * By length: the names that `crossingOf` of header-crossing.ts keeps from backends, and those that frame a message or
 * ask for more than an answer. `Proxy-Connection` is among them because some parsers read it as `Connection`.
 */
const known: ReadonlyArray<readonly KnownName[] | undefined> = knownNames({
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
});
const own = octetsOf('makas-');

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
  return length >= own.length && matchName(bytes, start, own) !== NO_MATCH ? DROPPED : PLAIN;
}

const NO_MATCH = 0;
const EXACT = 1;
const WITH_UNDERSCORE = 2;

/** Whether the octets from `start` on are these lower-case ones. */
function matchName(bytes: Uint8Array, start: number, octets: Uint8Array): number {
  let match = EXACT;
  for (let i = 0; i < octets.length; i++) {
    const octet = bytes[start + i]!;
    const wanted = octets[i]!;
    if (octet === wanted) continue;
    // Only letters differ by case; 0x20 is the distance.
    if (octet >= 0x41 && octet <= 0x5a && octet + 0x20 === wanted) continue;
    if (octet !== UNDERSCORE || wanted !== HYPHEN) return NO_MATCH;
    match = WITH_UNDERSCORE;
  }
  return match;
}

function knownNames(kinds: Readonly<Record<string, number>>): KnownName[][] {
  const byLength: KnownName[][] = [];
  for (const [name, kind] of Object.entries(kinds))
    (byLength[name.length] ??= []).push({ octets: octetsOf(name), kind });
  return byLength;
}

function octetsOf(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}
