import type { FeatureDatatype, FeatureValue } from '../protocol/feature-layout.ts';
import { type Refusal, refuse } from './entity-keys.ts';
import type { ViewFetch } from './feature-fetch.ts';
import type { ViewPlan } from './feature-plan.ts';
import type { EntityValues } from './ports.ts';
import { type FeatureStatus, featureStatuses, type ViewRecord } from './record.ts';

/** What becomes of one view of one request. */
export interface Resolution {
  /** What goes into the body, row by row; null leaves the view out. */
  readonly values: readonly FeatureValue[] | null;
  readonly record: ViewRecord;
  readonly refusal: Refusal | null;
}

/** Why there is no value of the store. */
type Cause = 'not_found' | 'null' | 'stale' | 'error';

const statusIndex = Object.fromEntries(featureStatuses.map((status, i) => [status, i]));
const present = featureStatuses.indexOf('present');

/**
 * Applies the policies of a view to what was fetched. `supplied[row * features + feature]` is 1 for what the request
 * brings itself and keeps, null stands for nothing.
 *
 * The status of a value says what the model gets: `present`, `overridden` (the request's own), `stale` (too old, or the
 * last known one, and used), `defaulted` (a default in its place, for whatever reason); `not_found`, `null` and `error`
 * say why there is none: it is sent as null, left out with its view, or the request is refused.
 */
export function resolveView(fetch: ViewFetch, rows: number, supplied: Uint8Array | null, nowMs: number): Resolution {
  return new Resolver(fetch, rows, supplied, nowMs).resolve();
}

class Resolver {
  readonly #fetch: ViewFetch;
  readonly #plan: ViewPlan;
  readonly #rows: number;
  readonly #supplied: Uint8Array | null;
  readonly #nowMs: number;
  readonly #values: FeatureValue[] = [];
  /** The values of the only row, as the store gave them. */
  #whole: readonly FeatureValue[] | null = null;
  readonly #statuses = [0, 0, 0, 0, 0, 0, 0];
  #firstRow: FeatureStatus[] | null = null;
  #oldestMs: number | null = null;
  #isSkipped = false;
  #refusal: Refusal | null = null;
  #badValues = 0;

  constructor(fetch: ViewFetch, rows: number, supplied: Uint8Array | null, nowMs: number) {
    this.#fetch = fetch;
    this.#plan = fetch.plan;
    this.#rows = rows;
    this.#supplied = supplied;
    this.#nowMs = nowMs;
  }

  resolve(): Resolution {
    const { view, handles, allPresent } = this.#plan;
    for (let row = 0; row < this.#rows; row++) if (!this.#takeWhole(row)) this.#resolveRow(row);
    if (this.#badValues > 0) handles.valueErrors.inc(this.#badValues);
    return {
      values: this.#isSkipped ? null : (this.#whole ?? this.#values),
      record: {
        view: view.name,
        viewIndex: view.index,
        rows: this.#rows,
        statuses: this.#statuses,
        firstRow: this.#firstRow ?? (this.#rows > 0 ? allPresent : []),
        ageMs: this.#oldestMs,
        cached: this.#fetch.cached,
        error: this.#fetch.error,
      },
      refusal: this.#refusal,
    };
  }

  /** The usual row: everything is there, good and young enough, and comes from the store. False: it is not such a row. */
  #takeWhole(row: number): boolean {
    const { layout, view } = this.#plan;
    const { keys, entities } = this.#fetch;
    const entity = entities[keys.isPerRow ? row : 0] ?? null;
    if (entity === null || entity.bad.length > 0 || this.#supplied !== null) return false;
    const ageMs = this.#ageOf(entity);
    if (view.onStale !== null && ageMs !== null && ageMs > view.onStale.maxAgeMs) return false;
    const { columns } = layout;
    const { values } = entity;
    for (let f = 0; f < columns.length; f++) {
      const value = values[f];
      if (value === undefined || value === null || !fits(value, columns[f]!.datatype)) return false;
    }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- None of them is undefined, as was just seen.
    if (this.#rows === 1 && values.length === columns.length) this.#whole = values as readonly FeatureValue[];
    else for (let f = 0; f < columns.length; f++) this.#values.push(values[f] ?? null);
    this.#statuses[present]! += columns.length;
    this.#noteAge(ageMs);
    return true;
  }

  #resolveRow(row: number): void {
    const { view, layout } = this.#plan;
    const { keys, entities } = this.#fetch;
    const at = keys.isPerRow ? row : 0;
    const key = keys.keys[at] ?? null;
    const read = entities[at] ?? null;
    const known = read === null ? this.#lastKnown(key) : undefined;
    const entity = read ?? known;
    const ageMs = this.#ageOf(entity);
    const isStale = view.onStale !== null && ageMs !== null && ageMs > view.onStale.maxAgeMs;
    let isUsed = false;
    // A time that cannot be read leaves the age unknown; whoever wrote it should hear of it.
    if (entity !== undefined && entity.bad.length > 0 && this.#hasBadTime(entity)) this.#badValues++;
    for (let f = 0; f < view.fields.length; f++) {
      const { datatype } = layout.columns[f]!;
      if (this.#supplied?.[row * view.fields.length + f] === 1) {
        // The request's value stays where it is; this null never reaches the body.
        this.#put(null, 'overridden', row);
        continue;
      }
      let value = entity?.values[f];
      let isOld = isStale || known !== undefined;
      let cause: Cause | null = entity === undefined ? 'error' : value === undefined ? 'not_found' : null;
      if (value === null) cause = 'null';
      const isBad = entity !== undefined && value === undefined && entity.bad.includes(view.fields[f]!.name);
      if (isBad || (value !== null && value !== undefined && !fits(value, datatype))) {
        this.#badValues++;
        cause = 'error';
        value = this.#lastKnown(key)?.values[f];
        if (value !== undefined && value !== null && fits(value, datatype)) {
          cause = null;
          isOld = true;
        }
      }
      if (cause === null && isStale && view.onStale?.then !== 'use') cause = 'stale';
      if (cause !== null) {
        this.#substitute(f, cause, row, key);
        continue;
      }
      isUsed = true;
      this.#put(value ?? null, isOld ? 'stale' : 'present', row);
    }
    if (isUsed) this.#noteAge(ageMs);
  }

  /** What the policies give in place of a value. */
  #substitute(f: number, cause: Cause, row: number, key: string | null): void {
    const { view, isNullable } = this.#plan;
    const field = view.fields[f]!;
    const isRefused =
      (cause === 'stale' && view.onStale?.then === 'reject') || (cause === 'error' && view.onError === 'reject');
    if (isRefused) return this.#refuse(cause, row, key, field.name);
    if (cause === 'stale' && field.default !== undefined) return this.#put(field.default, 'defaulted', row);
    switch (view.onMissing) {
      case 'skip':
        this.#isSkipped = true;
        return this.#put(null, cause, row);
      case 'reject':
        return this.#refuse(cause, row, key, field.name);
      case 'null':
        if (isNullable) return this.#put(null, cause, row);
    }
    if (field.default !== undefined) return this.#put(field.default, 'defaulted', row);
    if (isNullable) return this.#put(null, cause, row);
    // A tensor cannot hold null, and there is nothing else to send.
    return this.#refuse(cause, row, key, field.name);
  }

  #put(value: FeatureValue, status: FeatureStatus, row: number): void {
    this.#values.push(value);
    this.#statuses[statusIndex[status]!]! += 1;
    if (row === 0) (this.#firstRow ??= []).push(status);
  }

  #refuse(cause: Cause, row: number, key: string | null, name: string): void {
    this.#put(null, cause, row);
    this.#refusal ??= refusalOf(this.#plan, cause, this.#fetch.keys.isPerRow ? row : null, key, name);
  }

  #lastKnown(key: string | null): EntityValues | undefined {
    const { view, cache } = this.#plan;
    return view.onError !== 'lastKnown' || cache === null || key === null ? undefined : cache.lastKnown(key);
  }

  #hasBadTime({ bad }: EntityValues): boolean {
    const { timestamp, fields } = this.#plan.view;
    return timestamp !== null && bad.includes(timestamp) && !fields.some(({ name }) => name === timestamp);
  }

  /** A clock of the store that is ahead of ours makes no negative ages. */
  #ageOf(entity: EntityValues | undefined): number | null {
    if (entity === undefined || entity.timeMs === null) return null;
    return Math.max(0, this.#nowMs - entity.timeMs);
  }

  #noteAge(ageMs: number | null): void {
    if (ageMs !== null && (this.#oldestMs === null || ageMs > this.#oldestMs)) this.#oldestMs = ageMs;
  }
}

function refusalOf(plan: ViewPlan, cause: Cause, row: number | null, key: string | null, name: string): Refusal {
  const ofRow = row === null ? '' : ` of row ${row}`;
  if (cause === 'error') return refuse('FEATURES_UNAVAILABLE', `The feature ${name} cannot be read now; try again.`);
  if (cause === 'stale')
    return refuse('FEATURE_STALE', `The feature ${name} of the entity${ofRow} is older than allowed.`);
  if (key === null) return refuse('ENTITY_MISSING', `The entity key${ofRow} is expected in ${plan.entity.where}.`);
  return refuse('FEATURE_MISSING', `The feature ${name} was not found for the entity${ofRow}.`);
}

const int32 = 2 ** 31;
const int64 = 2 ** 63;

/** Whether a datatype can hold a stored value; one that it cannot hold is an error of the store, not of the client. */
function fits(value: NonNullable<EntityValues['values'][number]>, datatype: FeatureDatatype): boolean {
  switch (datatype) {
    case 'BYTES':
      return true;
    case 'FP32':
      return typeof value === 'number' ? Number.isFinite(Math.fround(value)) : typeof value !== 'string';
    case 'FP64':
      return typeof value === 'number' ? Number.isFinite(value) : typeof value !== 'string';
    case 'BOOL':
      return typeof value === 'boolean' || value === 0 || value === 1;
    default:
      if (typeof value === 'number') {
        const limit = datatype === 'INT32' ? int32 : int64;
        return Number.isInteger(value) && value >= -limit && value < limit;
      }
      return typeof value === 'boolean' || (typeof value === 'bigint' && datatype === 'INT64');
  }
}
