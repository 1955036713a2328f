import { Buffer } from 'node:buffer';

import type { ErrorCode } from '../core/errors.ts';
import type { Facts, Scalar } from '../core/facts.ts';
import type { EntityPart, FeatureView } from '../core/snapshot.ts';
import type { FeatureBody } from '../protocol/feature-body.ts';
import { compileKey, type Key } from '../protocol/json-key.ts';
import { compileSteps, type Path } from '../protocol/json-path.ts';

/** Longer keys are refused: they come from the client and go into the store's and the cache's memory. */
const maxKeyBytes = 1024;

/** Why a request cannot be enriched; the message is safe for clients. */
export interface Refusal {
  readonly ok: false;
  readonly code: ErrorCode;
  readonly message: string;
}

/** What the keys are read from. */
export interface EntityRequest {
  readonly facts: Facts;
  readonly body: FeatureBody;
  readonly maxRows: number;
}

/** One key for each row, or one key for all rows; null where the request names no entity. */
export interface EntityKeys {
  readonly ok: true;
  readonly keys: readonly (string | null)[];
  readonly isPerRow: boolean;
}

/** How the keys of a view are read, prepared at load. */
export interface EntityPlan {
  readonly parts: readonly PartPlan[];
  /** Texts around the parts: one more than there are `order` entries. */
  readonly literals: readonly string[];
  /** Parts in the order in which the key has them. */
  readonly order: readonly number[];
  /** Where clients are expected to name the entity, for messages. */
  readonly where: string;
}

interface PartPlan {
  readonly part: EntityPart;
  /** For parts in the body. */
  readonly path: Path | null;
  /** Name of a tensor. */
  readonly key: Key;
  readonly where: string;
}

type PartValue = string | null | readonly (string | null)[] | Refusal;

export function prepareEntity(view: FeatureView): EntityPlan {
  const parts = view.entity.map((part) => ({
    part,
    path: pathOf(part),
    key: compileKey('name' in part.source ? String(part.source.name) : ''),
    where: describe(part),
  }));
  return {
    parts,
    literals: view.key.literals,
    order: view.key.parts,
    where: parts.map((part) => part.where).join(' and '),
  };
}

/**
 * The entity keys of a request. A part with one value goes with every row; parts with a value for each row must agree on
 * the number of rows. A row that lacks a part has no key, which is for the policies of the view to judge; a part that is
 * there and cannot be a key is refused.
 */
export function readEntityKeys(plan: EntityPlan, request: EntityRequest): EntityKeys | Refusal {
  const values = new Array<string | null | readonly (string | null)[]>(plan.parts.length);
  let longest: number | null = null;
  let first = '';
  for (let i = 0; i < plan.parts.length; i++) {
    const part = plan.parts[i]!;
    const value = readPart(part, request);
    if (isRefusal(value)) return value;
    values[i] = value;
    if (!Array.isArray(value)) continue;
    if (longest === null) {
      longest = value.length;
      first = part.where;
    } else if (longest !== value.length) {
      const counts = `${longest} in ${first} and ${value.length} in ${part.where}`;
      return refuse('BAD_REQUEST', `The parts of the entity key have different numbers of rows: ${counts}.`);
    }
  }
  const count = longest ?? 1;
  const keys = new Array<string | null>(count);
  for (let row = 0; row < count; row++) {
    const key = joinKey(plan, values, row);
    if (key !== null && key.length * 3 > maxKeyBytes && Buffer.byteLength(key) > maxKeyBytes) {
      return refuse('BAD_REQUEST', `The entity key in ${plan.where} is longer than ${maxKeyBytes} bytes.`);
    }
    keys[row] = key;
  }
  return { ok: true, keys, isPerRow: longest !== null };
}

function joinKey(
  plan: EntityPlan,
  values: readonly (string | null | readonly (string | null)[])[],
  row: number,
): string | null {
  let key = plan.literals[0] ?? '';
  for (let i = 0; i < plan.order.length; i++) {
    const value = values[plan.order[i]!] ?? null;
    const text = typeof value === 'string' || value === null ? value : (value[row] ?? null);
    if (text === null) return null;
    key += text + (plan.literals[i + 1] ?? '');
  }
  return key;
}

function readPart(plan: PartPlan, request: EntityRequest): PartValue {
  const { source } = plan.part;
  switch (source.from) {
    case 'header':
      return toKey(plan, request.facts.header(source.name) ?? null);
    case 'query':
      return toKey(plan, request.facts.queryParameter(source.name) ?? null);
    case 'cookie':
      return toKey(plan, request.facts.cookie(source.name) ?? null);
    case 'body':
      return readField(plan, request);
    case 'column':
      return readColumn(plan, request);
    default: {
      const read = request.body.readTensor(plan.key, request.maxRows);
      if (!read.ok) return refuse(read.code, read.message);
      return read.values.length === 0 ? null : toKeys(plan, read.values);
    }
  }
}

function readField(plan: PartPlan, { body, maxRows }: EntityRequest): PartValue {
  const value = plan.path === null ? null : body.readField(plan.path, maxRows);
  return isList(value) ? toRows(plan, value, maxRows) : toKey(plan, value);
}

function readColumn(plan: PartPlan, { body, maxRows }: EntityRequest): PartValue {
  const values = body.readColumn(plan.path, maxRows);
  return isList(values) ? toRows(plan, values, maxRows) : refuse(values.code, values.message);
}

function toRows(plan: PartPlan, values: readonly (Scalar | undefined)[], maxRows: number): PartValue {
  if (values.length > maxRows) return tooManyRows(maxRows);
  return values.length === 0 ? null : toKeys(plan, values);
}

function toKeys(plan: PartPlan, values: readonly (Scalar | undefined)[]): PartValue {
  const keys: (string | null)[] = [];
  for (let row = 0; row < values.length; row++) {
    const key = toKey(plan, values[row]);
    if (isRefusal(key)) return { ...key, message: `${key.message} Row ${row} does not.` };
    keys.push(key);
  }
  return keys;
}

/** A scalar as part of a key; undefined stands for what is no scalar. Empty text names nobody. */
function toKey({ part, where }: PartPlan, value: Scalar | undefined): string | null | Refusal {
  if (value === null || value === '') return null;
  if (part.type === 'string') {
    // Half of a surrogate pair has no bytes of its own: the store would know the key under another text than the cache.
    if (typeof value === 'string') return value.toWellFormed();
    if (value !== undefined && !(typeof value === 'number' && !Number.isFinite(value))) return String(value);
    return refuse('BAD_REQUEST', `The entity key in ${where} must be text or a number.`);
  }
  if (Number.isSafeInteger(value)) return String(value);
  // The digits of a large integer come as text; leading zeros are another spelling of the same key.
  if (typeof value === 'string' && /^-?\d{1,19}$/.test(value)) {
    const exact = BigInt(value);
    if (BigInt.asIntN(64, exact) === exact) return String(exact);
  }
  return refuse('BAD_REQUEST', `The entity key in ${where} must be an integer of 64 bits.`);
}

function pathOf({ source }: EntityPart): Path | null {
  if (source.from === 'body') return compileSteps(source.path);
  return source.from === 'column' ? compileSteps([String(source.name)]) : null;
}

function describe({ source }: EntityPart): string {
  switch (source.from) {
    case 'header':
      return `the header ${source.name}`;
    case 'query':
      return `the query parameter ${source.name}`;
    case 'cookie':
      return `the cookie ${source.name}`;
    case 'body':
      return `the field ${source.path.join('.')} of the body`;
    case 'tensor':
      return `the input tensor ${source.name}`;
    default:
      return `${typeof source.name === 'number' ? 'position' : 'key'} ${source.name} of every row`;
  }
}

function tooManyRows(maxRows: number): Refusal {
  return refuse('BAD_BODY', `The request names more than ${maxRows} entities; send fewer rows at a time.`);
}

export function refuse(code: ErrorCode, message: string): Refusal {
  return { ok: false, code, message };
}

function isList<T>(value: T): value is Extract<T, readonly unknown[]> {
  return Array.isArray(value);
}

function isRefusal(value: PartValue): value is Refusal {
  return typeof value === 'object' && value !== null && 'ok' in value;
}
