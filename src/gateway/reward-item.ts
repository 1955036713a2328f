import type { RewardSettings } from '../core/snapshot.ts';

/** One reward as a client sends it, with the forms checked but not yet the meaning. */
export interface RewardItem {
  readonly decision: string;
  readonly reward: number | boolean;
  /** The client's own id of the reward; `''` when it gave none. */
  readonly id: string;
  /** When the outcome was seen, milliseconds since the epoch; null: now. */
  readonly atMs: number | null;
}

const KEYS = new Set(['decision', 'reward', 'id', 'at']);
const MAX_ID_LENGTH = 128;
/** A square beyond this could not be added up. */
const MAX_REWARD = 1e100;
const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

/** Reads one reward; a text says what is wrong with it. */
export function readRewardItem(value: unknown): RewardItem | string {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return 'A reward is an object {decision, reward, id?, at?}.';
  const fields: Readonly<Record<string, unknown>> = { ...value };
  const unknown = Object.keys(fields).find((key) => !KEYS.has(key));
  if (unknown !== undefined)
    return `A reward has no key ${JSON.stringify(unknown.slice(0, 40))}; it has decision, reward, id and at.`;
  const { decision, reward, id = '', at } = fields;
  if (typeof decision !== 'string' || decision === '') return 'decision is the text of the header makas-decision.';
  if (typeof reward !== 'number' && typeof reward !== 'boolean') return 'reward is a number, or true or false.';
  if (typeof id !== 'string' || id.length > MAX_ID_LENGTH)
    return `id is a text of at most ${MAX_ID_LENGTH} characters.`;
  const atMs = at === undefined ? null : readTime(at);
  if (Number.isNaN(atMs)) return 'at is a time like 2026-01-31T12:00:00Z, or milliseconds since the epoch.';
  return { decision, reward, id, atMs };
}

/** The number that a reward counts as; a text says why it cannot count. */
export function readRewardValue(reward: number | boolean, settings: RewardSettings): number | string {
  if (typeof reward === 'boolean') {
    if (settings.kind !== 'binary') return 'reward is a number here: true and false are for binary rewards.';
    return reward ? 1 : 0;
  }
  const { min, max } = settings;
  if (Number.isFinite(reward) && reward >= min && reward <= max && Math.abs(reward) <= MAX_REWARD) return reward;
  return `reward is from ${Math.max(min, -MAX_REWARD)} to ${Math.min(max, MAX_REWARD)} here.`;
}

function readTime(at: unknown): number {
  if (typeof at === 'number') return Number.isFinite(at) && at >= 0 ? at : Number.NaN;
  return typeof at === 'string' && ISO_TIME.test(at) ? Date.parse(at) : Number.NaN;
}
