import { Buffer, isUtf8 } from 'node:buffer';

/**
 * The name in one raw path segment, percent-decoded once. Null when the segment is empty, has a bad escape, is not UTF-8
 * after decoding, holds a raw byte that a path may not have (RFC 3986 section 3.3), or decodes to a dot segment, a
 * slash, a backslash or a control character: such names could mean another path to a server behind.
 */
export function decodeName(segment: string): string | null {
  if (!/^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})+$/.test(segment)) return null;
  if (!segment.includes('%')) return isSafeName(segment) ? segment : null;
  const bytes = Buffer.from(
    segment.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
  if (!isUtf8(bytes)) return null;
  const name = bytes.toString('utf8');
  return isSafeName(name) ? name : null;
}

/** Whether a name can stand in a path: not empty, no dot segment, slash, backslash, control character, lone surrogate. */
export function isSafeName(name: string): boolean {
  if (name === '' || name === '.' || name === '..') return false;
  // oxlint-disable-next-line no-control-regex -- Control characters are what it looks for.
  return name.isWellFormed() && !/[\u0000-\u001f\u007f/\\]/.test(name);
}

/** Percent-encodes a name for one path segment, the inverse of `decodeName`. Null when `isSafeName` says no. */
export function encodeName(name: string): string | null {
  return isSafeName(name) ? encodeURIComponent(name) : null;
}
