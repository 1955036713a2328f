import type { Buffer } from 'node:buffer';

import { findField } from '../protocol/json-path.ts';
import { readScalar } from '../protocol/json-scalar.ts';
import { eachElement } from '../protocol/json-walk.ts';
import { eachTensor, inputsPath } from '../protocol/oip-tensor.ts';
import { findRows } from '../protocol/v1-rows.ts';
import { type EntityKeys, type Refusal, refuse } from './entity-keys.ts';
import type { ViewPlan } from './feature-plan.ts';

/**
 * How many rows each view has. Views with a key for each row must agree; views with one key for the whole request take
 * their number of rows from these, else from the rows of the request itself, so that every row gets its copy.
 */
export function countRows(
  plans: readonly ViewPlan[],
  keys: readonly EntityKeys[],
  json: Buffer,
  tailBytes: number,
  maxRows: number,
): readonly number[] | Refusal {
  let common: number | null = null;
  for (const key of keys) {
    if (!key.isPerRow) continue;
    if (common !== null && common !== key.keys.length) {
      const counts = `${common} and ${key.keys.length}`;
      return refuse('BAD_REQUEST', `The entity keys of the request have different numbers of rows: ${counts}.`);
    }
    common = key.keys.length;
  }
  const rows: number[] = [];
  for (let i = 0; i < plans.length; i++) {
    const count = keys[i]!.isPerRow ? keys[i]!.keys.length : broadcastRows(plans[i]!, common, json, tailBytes);
    if (count > maxRows) return refuse('BAD_BODY', `The request has more than ${maxRows} rows; send fewer at a time.`);
    rows.push(count);
  }
  return rows;
}

function broadcastRows({ into }: ViewPlan, common: number | null, json: Buffer, tailBytes: number): number {
  switch (into.kind) {
    case 'columns':
      return countInstances(json);
    case 'tensor':
    case 'tensors':
      return common ?? batchSize(json, tailBytes, into.kind === 'tensor' ? into.name : null);
    default:
      return 1;
  }
}

/** 1 when they cannot be counted: placing the values then says what is wrong with them. */
function countInstances(json: Buffer): number {
  const found = findRows(json);
  let count = 0;
  if (found.ok) eachElement(json, found.rows, () => void count++);
  return found.ok ? count : 1;
}

/** The first dimension of the first input with at least two; one dimension may as well be a single row. */
function batchSize(json: Buffer, tailBytes: number, ownName: string | null): number {
  const inputs = findField(json, inputsPath);
  let size = 1;
  if (inputs === null) return size;
  eachTensor(json, inputs, tailBytes, (tensor) => {
    if (tensor.shape === null || tensor.name === ownName) return true;
    const dimensions: unknown[] = [];
    eachElement(json, tensor.shape, (dimension) => dimensions.push(readScalar(json, dimension)) < 2);
    const [first, second] = dimensions;
    if (second === undefined || typeof first !== 'number' || !Number.isSafeInteger(first) || first < 1) return true;
    size = first;
    return false;
  });
  return size;
}
