import { parametersPath } from './enrich-object.ts';
import type { Into } from './feature-into.ts';
import { compileKey } from './json-key.ts';
import { findField } from './json-path.ts';
import { eachElement } from './json-walk.ts';
import { hasMembers } from './member-merge.ts';
import { eachTensor, inputsPath } from './oip-tensor.ts';
import { findRows } from './v1-rows.ts';

/**
 * Which feature values a request brings itself, `supplied[feature][row]` in the order of `names`, by the place where they
 * would be put: a tensor's name counts for all rows (of `tensor`, for all features), a key of `parameters` or of the
 * object at a pointer for its row, a key of an object row for that row. Array rows cannot say which feature a column is
 * and supply none. A key with null counts as supplied. `json` is the JSON part of the body, `tailBytes` the length of
 * the binary part. Never fails: a body that cannot be read supplies nothing, and placing the values says why.
 */
export function suppliedFeatures(
  json: Uint8Array,
  tailBytes: number,
  into: Into,
  names: readonly string[],
  rows: number,
): boolean[][] {
  const supplied = names.map(() => Array.from({ length: rows }, () => false));
  const markRow = (object: boolean[], row: number) => {
    for (const [feature, has] of object.entries()) if (has) supplied[feature]?.fill(true, row, row + 1);
  };
  switch (into.kind) {
    case 'tensor':
    case 'tensors': {
      const inputs = findField(json, inputsPath);
      if (inputs === null) break;
      eachTensor(json, inputs, tailBytes, (tensor) => {
        for (const [feature, name] of names.entries()) {
          if (tensor.name === (into.kind === 'tensor' ? into.name : name)) supplied[feature]?.fill(true);
        }
      });
      break;
    }
    case 'columns': {
      const found = findRows(json);
      if (!found.ok) break;
      const keys = names.map((name) => ({ key: compileKey(name) }));
      eachElement(json, found.rows, (row, index) => {
        if (row.kind === 'object') markRow(hasMembers(json, row, keys), index);
        return index + 1 < rows;
      });
      break;
    }
    default: {
      const prefix = into.kind === 'parameters' ? into.prefix : '';
      const keys = names.map((name) => ({ key: compileKey(prefix + name) }));
      const place = findField(json, into.kind === 'parameters' ? parametersPath : into.path);
      if (place?.kind === 'object') markRow(hasMembers(json, place, keys), 0);
      if (place?.kind === 'array' && into.kind === 'pointer') {
        eachElement(json, place, (object, index) => {
          markRow(hasMembers(json, object, keys), index);
          return index + 1 < rows;
        });
      }
    }
  }
  return supplied;
}
