/** The head of a request as node:http2 has it. */
export interface ListedHead {
  readonly method: string;
  readonly path: string;
  /** `''` when the client named none. */
  readonly authority: string;
  /** The other fields as a flat list name, value, name, value ...; names are lower-case. */
  readonly fields: readonly string[];
}

/** Splits the flat list of a request, whose names are lower-case already, RFC 9113 8.2. */
export function streamHead(raw: readonly string[]): ListedHead {
  let method = '';
  let path = '';
  let authority = '';
  let at = 0;
  // Pseudo-header fields come before all others, RFC 9113 8.3.
  for (; at + 1 < raw.length && raw[at]!.startsWith(':'); at += 2) {
    const value = raw[at + 1]!;
    if (raw[at] === ':method') method = value;
    else if (raw[at] === ':path') path = value;
    else if (raw[at] === ':authority') authority = value;
  }
  return { method, path, authority, fields: raw.slice(at) };
}

/** Size of a section of fields as HTTP/2 counts it, RFC 9113 6.5.2: 32 bytes for each beside its name and value. */
export function sizeOf(raw: readonly string[]): number {
  let bytes = 0;
  for (const text of raw) bytes += text.length + 16;
  return bytes;
}

/** The fields of an answer without pseudo-header fields. */
export function plainFields(raw: readonly string[]): readonly string[] {
  let at = 0;
  while (at < raw.length && raw[at]!.startsWith(':')) at += 2;
  return at === 0 ? raw : raw.slice(at);
}
