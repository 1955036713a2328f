/** What a field of an answer is to a gateway. The first two kinds cross to the client, the others do not. */
export const PLAIN = 0;
export const CONTENT_LENGTH = 1;
/** Hop-by-hop or ours, and without a meaning of its own here. */
export const DROPPED = 2;
export const TRANSFER_ENCODING = 3;
export const CONNECTION = 4;
export const KEEP_ALIVE = 5;
export const PROXY_CONNECTION = 6;

const HYPHEN = 0x2d;
const UNDERSCORE = 0x5f;

interface KnownName {
  readonly octets: Uint8Array;
  readonly kind: number;
}

/** By length; no two of them have length and first letter in common but the two with ten letters. */
const known: ReadonlyArray<readonly KnownName[] | undefined> = knownNames({
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
});
const own = octetsOf('makas-');

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
      if (match === 0) continue;
      if (match === EXACT) return kind;
      return kind === CONTENT_LENGTH ? PLAIN : DROPPED;
    }
  }
  return length >= own.length && matchName(bytes, start, own) !== 0 ? DROPPED : PLAIN;
}

const EXACT = 1;
const WITH_UNDERSCORE = 2;

/** Whether the octets from `start` on are these lower-case ones: 0 for no. */
function matchName(bytes: Uint8Array, start: number, octets: Uint8Array): number {
  let match = EXACT;
  for (let i = 0; i < octets.length; i++) {
    const octet = bytes[start + i]!;
    const wanted = octets[i]!;
    if (octet === wanted) continue;
    // Only letters differ by case; 0x20 is the distance.
    if (octet >= 0x41 && octet <= 0x5a && octet + 0x20 === wanted) continue;
    if (octet !== UNDERSCORE || wanted !== HYPHEN) return 0;
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
