import { type CodecFailure, fail } from './codec-result.ts';
import { compilePaths, findFieldsIn, pathOf } from './json-path.ts';
import { readScalar } from './json-scalar.ts';
import type { Span } from './json-scan.ts';
import { eachElement } from './json-walk.ts';

/** One tensor of a request's `inputs` or an answer's `outputs`. */
export interface TensorEntry {
  readonly span: Span;
  readonly name: string;
  readonly datatype: string;
  readonly shape: Span | null;
  /** The JSON form of the data; null when the data are in the binary tail, or absent. */
  readonly data: Span | null;
  /** The bytes [start, start + size) of the binary tail; null for the JSON form. */
  readonly binary: { readonly start: number; readonly size: number } | null;
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
  eachElement(json, tensors, (span) => {
    const [name, datatype, shape, data, size] = findFieldsIn(json, span, fields);
    if (name?.kind !== 'string') {
      problem = fail('BAD_BODY', 'WRONG_TYPE', 'Every tensor must be an object with a name.');
      return false;
    }
    let binary: TensorEntry['binary'] = null;
    if (size) {
      const bytes = readScalar(json, size);
      if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes < 0 || bytes > tailBytes - offset) {
        problem = fail('BAD_BODY', 'BINARY_LENGTH', 'A binary_data_size does not fit the bytes behind the JSON.');
        return false;
      }
      binary = { start: offset, size: bytes };
      offset += bytes;
    }
    return visit({
      span,
      name: String(readScalar(json, name)),
      datatype: datatype?.kind === 'string' ? String(readScalar(json, datatype)) : '',
      shape: shape ?? null,
      data: data ?? null,
      binary,
    });
  });
  return problem;
}
