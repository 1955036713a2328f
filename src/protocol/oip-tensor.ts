import { type CodecFailure, fail } from './codec-result.ts';
import { isKey, type Key } from './json-key.ts';
import { compilePaths, findFieldsAt, pathOf } from './json-path.ts';
import { readScalar } from './json-scalar.ts';
import type { Span } from './json-scan.ts';
import { eachStart } from './json-walk.ts';

/** One tensor of a request's `inputs` or an answer's `outputs`. What it says is read from the bytes when asked for. */
export class TensorEntry {
  readonly span: Span;
  readonly shape: Span | null;
  /** The JSON form of the data; null when the data are in the binary tail, or absent. */
  readonly data: Span | null;
  /** The bytes [start, start + size) of the binary tail; null for the JSON form. */
  readonly binary: { readonly start: number; readonly size: number } | null;
  readonly #json: Uint8Array;
  readonly #name: Span;
  readonly #datatype: Span | null;

  constructor(
    json: Uint8Array,
    span: Span,
    [name, datatype, shape, data]: readonly [name: Span, datatype: Span | null, shape: Span | null, data: Span | null],
    binary: TensorEntry['binary'],
  ) {
    this.span = span;
    this.shape = shape;
    this.data = data;
    this.binary = binary;
    this.#json = json;
    this.#name = name;
    this.#datatype = datatype;
  }

  get name(): string {
    return String(readScalar(this.#json, this.#name));
  }

  isNamed(key: Key): boolean {
    return isKey(this.#json, this.#name.start, this.#name.end, key);
  }

  get datatype(): string {
    return this.#datatype?.kind === 'string' ? String(readScalar(this.#json, this.#datatype)) : '';
  }
}

/** Where a request keeps its tensors. */
export const inputsPath = pathOf(['inputs']);

const fields = compilePaths(
  [['name'], ['datatype'], ['shape'], ['data'], ['parameters', 'binary_data_size']].map(pathOf),
);

/**
 * Visits the tensors of an `inputs` or `outputs` array in order; `tailBytes` is the length of the binary tail, whose
 * parts belong to the tensors with `parameters.binary_data_size`, in order. `visit` returns false to stop. Returns the
 * failure when the array holds something that is no tensor, or sizes that the tail does not have; else null.
 */
export function eachTensor(
  json: Uint8Array,
  tensors: Span,
  tailBytes: number,
  visit: (tensor: TensorEntry) => boolean | void,
): CodecFailure | null {
  let problem: CodecFailure | null = null;
  let offset = 0;
  const found: (Span | null)[] = [];
  eachStart(json, tensors, (start) => {
    const end = findFieldsAt(json, start, fields, found);
    const [name, datatype, shape, data, size] = found;
    if (end === -1 || name?.kind !== 'string') {
      problem = fail('BAD_BODY', 'WRONG_TYPE', 'Every tensor must be an object with a name.');
      return -1;
    }
    let binary: TensorEntry['binary'] = null;
    if (size) {
      const bytes = readScalar(json, size);
      if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes < 0 || bytes > tailBytes - offset) {
        const text = `The binary_data_size of ${JSON.stringify(readScalar(json, name))} does not fit the bytes behind the JSON.`;
        problem = fail('BAD_BODY', 'BINARY_LENGTH', text);
        return -1;
      }
      binary = { start: offset, size: bytes };
      offset += bytes;
    }
    const span: Span = { start, end, kind: 'object' };
    const goesOn = visit(new TensorEntry(json, span, [name, datatype ?? null, shape ?? null, data ?? null], binary));
    return goesOn === false ? -1 : end;
  });
  return problem;
}
