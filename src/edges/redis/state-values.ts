import type { RewardSums } from '../../core/bandit/posterior.ts';
import type { BanditSums, Logger } from '../../gateway/ports.ts';

type ArmValues = RewardSums & { readonly served: number };

const FIELDS = ['count', 'sum', 'squares', 'served', 'missing'] as const;
type Field = (typeof FIELDS)[number];
const isField = (name: string | undefined): name is Field => FIELDS.some((field) => field === name);
const FIELD_FORM = /^(.+):([a-z]+)$/;

/**
 * The sums of a bandit from the fields of its hash. What Redis holds is not trusted: an arm whose values cannot be sums
 * is left out and logged.
 */
export function readBanditSums(bandit: string, fields: Readonly<Record<string, string>>, logger: Logger): BanditSums {
  const raw = new Map<string, Partial<Record<Field, number>>>();
  for (const [name, text] of Object.entries(fields)) {
    const [, arm, field] = FIELD_FORM.exec(name) ?? [];
    if (arm === undefined || !isField(field)) continue;
    const values = raw.get(arm) ?? {};
    raw.set(arm, values);
    values[field] = text.trim() === '' ? Number.NaN : Number(text);
  }
  const defaultText = fields['@default'];
  const defaultReward = defaultText === undefined ? null : Number(defaultText);
  const arms = new Map<string, ArmValues>();
  for (const [arm, values] of raw) {
    const sums = sumsOf(values, Number.isFinite(defaultReward) ? defaultReward : null);
    if (sums === null) logger.warn({ bandit, arm, values }, 'the state of an arm in Redis is not valid and is ignored');
    else arms.set(arm, sums);
  }
  return { arms };
}

function sumsOf(values: Partial<Record<Field, number>>, defaultReward: number | null): ArmValues | null {
  const { count = 0, sum = 0, squares = 0, served = 0, missing = 0 } = values;
  const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
  if (!isCount(count) || !isCount(served) || !Number.isSafeInteger(missing)) return null;
  if (!Number.isFinite(sum) || !(squares >= 0 && squares < Infinity)) return null;
  // Below 0 when rewards came whose decisions were not yet, or never, reported as served.
  const unrewarded = defaultReward === null ? 0 : Math.max(0, missing);
  const reward = defaultReward ?? 0;
  return {
    count: count + unrewarded,
    sum: sum + unrewarded * reward,
    sumOfSquares: squares + unrewarded * reward * reward,
    served,
  };
}
