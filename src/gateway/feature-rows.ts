import type { Key } from '../protocol/json-key.ts';
import { readScalar } from '../protocol/json-scalar.ts';
import { eachElement } from '../protocol/json-walk.ts';
import type { RequestBody } from '../protocol/request-body.ts';
import { type EntityKeys, type Refusal, refuse } from './entity-keys.ts';
import type { ViewPlan } from './feature-plan.ts';

/**
 * How many rows each view has. Views with a key for each row must agree; views with one key for the whole request take
 * their number of rows from these, else from the rows of the request itself, so that every row gets its copy.
 */
export function countRows(
  plans: readonly ViewPlan[],
  keys: readonly EntityKeys[],
  body: RequestBody,
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
    const count = keys[i]!.isPerRow ? keys[i]!.keys.length : broadcastRows(plans[i]!, common, body);
    if (count > maxRows) return refuse('BAD_BODY', `The request has more than ${maxRows} rows; send fewer at a time.`);
    rows.push(count);
  }
  return rows;
}

function broadcastRows({ layout }: ViewPlan, common: number | null, body: RequestBody): number {
  const { into } = layout;
  switch (into.kind) {
    case 'columns':
      return countInstances(body);
    case 'tensor':
    case 'tensors':
      return common ?? batchSize(body, into.kind === 'tensor' ? (layout.tensors[0]?.key ?? null) : null);
    default:
      return 1;
  }
}

/** 1 when they cannot be counted: placing the values then says what is wrong with them. */
function countInstances(body: RequestBody): number {
  const found = body.rows();
  let count = 0;
  if (found.ok) eachElement(body.json, found.rows, () => void count++);
  return found.ok ? count : 1;
}

/** The first dimension of the first input with at least two; one dimension may as well be a single row. */
function batchSize(body: RequestBody, own: Key | null): number {
  const { json } = body;
  for (const tensor of body.inputs().tensors) {
    if (tensor.shape === null || (own !== null && tensor.isNamed(own))) continue;
    let first: unknown;
    let dimensions = 0;
    eachElement(json, tensor.shape, (dimension) => {
      if (dimensions === 0) first = readScalar(json, dimension);
      return ++dimensions < 2;
    });
    if (dimensions === 2 && typeof first === 'number' && Number.isSafeInteger(first) && first >= 1) return first;
  }
  return 1;
}
