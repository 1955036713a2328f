const HYPHEN = 0x2d;
const UNDERSCORE = 0x5f;

/** A field name in octets, lower-case, and what it is to whoever made the table. */
export interface KnownName {
  readonly octets: Uint8Array;
  readonly kind: number;
}

/** Known names by their length. */
export type NameTable = ReadonlyArray<readonly KnownName[] | undefined>;

export const NO_MATCH = 0;
export const EXACT = 1;
/** The same but for `_` in place of `-`, which some servers read alike. */
const WITH_UNDERSCORE = 2;

/** All that begins like this is ours. */
const own = octetsOf('makas-');

/** The table of these names, lower-case. */
export function nameTable(kinds: Readonly<Record<string, number>>): NameTable {
  const byLength: KnownName[][] = [];
  for (const [name, kind] of Object.entries(kinds))
    (byLength[name.length] ??= []).push({ octets: octetsOf(name), kind });
  return byLength;
}

/** Whether the octets from `start` on are these lower-case ones, in any case: NO_MATCH, EXACT or WITH_UNDERSCORE. */
export function matchName(bytes: Uint8Array, start: number, octets: Uint8Array): number {
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

/** Whether the name `bytes[start, start + length)` is one of those that only Makas writes. */
export function isOwnName(bytes: Uint8Array, start: number, length: number): boolean {
  return length >= own.length && matchName(bytes, start, own) !== NO_MATCH;
}

function octetsOf(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}
