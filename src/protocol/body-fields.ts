import { Buffer } from 'node:buffer';

import type { FieldPath, Scalar } from '../core/facts.ts';
import { compileSteps, findFieldsAt, type Path } from './json-path.ts';
import { readScalar } from './json-scalar.ts';
import { isCompleteJson, skipSpace, type Span } from './json-scan.ts';

/** What can be looked up in the body of a request, whatever it is written in. Reads nothing before it is asked. */
export interface BodyFields {
  /** A scalar; undefined when it is absent or no scalar, or the body cannot be read. */
  field(path: FieldPath): Scalar | undefined;
  /** The whole as plain values, for expressions; undefined when the body cannot be read. */
  parsed(): unknown;
  /** Whether what was not found so far may be there all the same, because the body cannot be read. */
  isDoubtful(): boolean;
}

/** The fields of a JSON body, found by scanning its bytes; each path once. */
export class JsonFields implements BodyFields {
  readonly #json: Uint8Array;
  #found: Map<FieldPath, Scalar | undefined> | null = null;
  #parsed: { readonly value: unknown } | null = null;
  #isMalformed = false;

  constructor(json: Uint8Array) {
    this.#json = json;
  }

  field(path: FieldPath): Scalar | undefined {
    const known = this.#found?.get(path);
    if (known !== undefined || this.#found?.has(path) === true) return known;
    const compiled = compiledPath(path);
    const span = compiled === null ? null : this.#find(compiled);
    const value = span === null ? undefined : readScalar(this.#json, span);
    this.#found ??= new Map();
    this.#found.set(path, value);
    return value;
  }

  parsed(): unknown {
    this.#parsed ??= { value: parseJson(this.#json) };
    if (this.#parsed.value === undefined) this.#isMalformed = true;
    return this.#parsed.value;
  }

  isDoubtful(): boolean {
    return this.#isMalformed;
  }

  #find(path: Path): Span | null {
    const json = this.#json;
    const found: (Span | null)[] = [];
    const end = findFieldsAt(json, skipSpace(json, 0), path.set, found);
    if (end !== -1 && skipSpace(json, end) === json.length) return found[0] ?? null;
    this.#isMalformed = true;
    return null;
  }
}

/** Paths belong to the configuration, so the same array comes with every request. */
const compiledPaths = new WeakMap<FieldPath, { readonly path: Path | null }>();

function compiledPath(path: FieldPath): Path | null {
  let entry = compiledPaths.get(path);
  if (entry === undefined) compiledPaths.set(path, (entry = { path: compileSteps(path) }));
  return entry.path;
}

/** Undefined for what the scanner does not take, deep nesting too, so that parsing and `field` see the same bodies. */
function parseJson(bytes: Uint8Array): unknown {
  if (!isCompleteJson(bytes)) return undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return parseWithTokens(text);
  }
}

/**
 * Reads JSON with the bare tokens NaN and Infinity, which model servers accept, as null. The scanner has accepted the
 * text, so every string in it is closed and the expression does not backtrack.
 */
function parseWithTokens(text: string): unknown {
  try {
    const token = /"[^"\\]*(?:\\.[^"\\]*)*"|-?Infinity|NaN/g;
    return JSON.parse(text.replace(token, (found) => (found.startsWith('"') ? found : 'null'))) as unknown;
  } catch {
    return undefined;
  }
}
