import type { FieldPath, Source } from '../../core/facts.ts';
import { compilePath, compilePointer, type Path } from '../../protocol/json-path.ts';

/**
 * Reads the text form of a source: `header:NAME`, `query:NAME`, `cookie:NAME`, `body:DOT.PATH`, `request`. Header names
 * become lower case. Null for anything else, an empty name and a malformed path included.
 */
export function parseSource(text: string): Source | null {
  if (text === 'request') return { from: 'request' };
  const colon = text.indexOf(':');
  const name = text.slice(colon + 1);
  if (colon === -1 || name === '') return null;
  switch (text.slice(0, colon)) {
    case 'header':
      return { from: 'header', name: name.toLowerCase() };
    case 'query':
      return { from: 'query', name };
    case 'cookie':
      return { from: 'cookie', name };
    case 'body': {
      const path = parseFieldPath(name);
      return path === null ? null : { from: 'body', path };
    }
    default:
      return null;
  }
}

/** Reads a dot path, in the scanner's own grammar. Null when it is malformed. */
export function parseFieldPath(text: string): FieldPath | null {
  return namesOf(compilePath(text));
}

/** Reads a JSON pointer. Null when it is malformed or names the whole document. */
export function parsePointer(text: string): FieldPath | null {
  return text === '' ? null : namesOf(compilePointer(text));
}

function namesOf(path: Path | null): FieldPath | null {
  return path === null ? null : path.steps.map((step) => step.key.text);
}
