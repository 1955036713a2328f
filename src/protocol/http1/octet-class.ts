/** What an octet may be in a message head: flags by octet. */
export const TOKEN = 1;
export const VALUE = 2;
export const DIGIT = 4;

const TOKEN_MARKS = "!#$%&'*+-.^_`|~";

/**
 * Flags for each of the 256 octets. Tokens: RFC 9110 5.6.2. Values: tab, space, visible characters and obs-text, RFC 9110
 * 5.5; everything else, CR, LF, NUL and DEL among it, has no flag.
 */
export const octetClass: Uint8Array = octetClasses();

function octetClasses(): Uint8Array {
  const flags = new Uint8Array(256);
  for (let octet = 0; octet < 256; octet++) {
    const char = String.fromCharCode(octet);
    if (/[0-9]/.test(char)) flags[octet]! |= DIGIT;
    if (/[0-9A-Za-z]/.test(char) || TOKEN_MARKS.includes(char)) flags[octet]! |= TOKEN;
    if (octet === 0x09 || (octet >= 0x20 && octet !== 0x7f)) flags[octet]! |= VALUE;
  }
  return flags;
}
