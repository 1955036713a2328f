import type { Facts, Scalar, Source } from './facts.ts';

/** The value that a source names; undefined when the request does not have it. The request itself is its id. */
export function readSource(source: Source, facts: Facts): Scalar | undefined {
  switch (source.from) {
    case 'header':
      return facts.header(source.name);
    case 'query':
      return facts.queryParameter(source.name);
    case 'cookie':
      return facts.cookie(source.name);
    case 'body':
      return facts.field(source.path);
    default:
      return facts.requestId;
  }
}

/**
 * The unit that a source names, as the text that is hashed. Null when the request has none: absent, JSON null, or empty
 * text, because all requests with an empty header would otherwise be one unit.
 */
export function readUnit(source: Source, facts: Facts): string | null {
  if (source.from === 'request') return null;
  const value = readSource(source, facts);
  return value === undefined || value === null || value === '' ? null : String(value);
}
