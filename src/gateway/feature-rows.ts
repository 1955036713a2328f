import type { FeatureBody } from '../protocol/feature-body.ts';
import type { FeatureLayout } from '../protocol/feature-layout.ts';
import type { Key } from '../protocol/json-key.ts';
import { type EntityKeys, type Refusal, refuse } from './entity-keys.ts';
import type { ViewPlan } from './feature-plan.ts';

/**
 * How many rows each view has. Views with a key for each row must agree; views with one key for the whole request take
 * their number of rows from these, else from the rows of the request itself, so that every row gets its copy.
 */
export function countRows(
  plans: readonly ViewPlan[],
  keys: readonly EntityKeys[],
  body: FeatureBody,
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
  const problem = common === null ? null : findOtherRows(plans, common, body);
  if (problem !== null) return problem;
  const rows = new Array<number>(plans.length);
  for (let i = 0; i < plans.length; i++) {
    const count = keys[i]!.isPerRow ? keys[i]!.keys.length : broadcastRows(plans[i]!, common, body);
    if (count > maxRows) return refuse('BAD_BODY', `The request has more than ${maxRows} rows; send fewer at a time.`);
    rows[i] = count;
  }
  return rows;
}

/** Tensors that are put beside those of the request must have as many rows, as far as these can be told. */
function findOtherRows(plans: readonly ViewPlan[], keys: number, body: FeatureBody): Refusal | null {
  for (const { layout } of plans) {
    const { kind } = layout.into;
    if (kind !== 'tensor' && kind !== 'tensors') continue;
    const rows = body.countRows(ownTensor(layout), 2);
    // One row may also mean that none were found.
    if (rows === 1 || rows === keys) continue;
    const text = `The inputs of the request have ${rows} rows, but its entity keys have ${keys}; there must be a key for each row.`;
    return refuse('BAD_REQUEST', text);
  }
  return null;
}

function broadcastRows({ layout }: ViewPlan, common: number | null, body: FeatureBody): number {
  const { into } = layout;
  switch (into.kind) {
    case 'columns':
      return body.countRows(null, 1);
    case 'tensor':
    case 'tensors':
      // One dimension may as well be a single row.
      return common ?? body.countRows(ownTensor(layout), 2);
    default:
      return 1;
  }
}

function ownTensor({ into, tensors }: FeatureLayout): Key | null {
  return into.kind === 'tensor' ? (tensors[0]?.key ?? null) : null;
}
