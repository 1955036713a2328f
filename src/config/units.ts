/** The text forms of durations, shares and sizes, and what they mean. Malformed text is a RangeError: the schema has refused it before. */

const MS_OF_UNIT: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const BYTES_OF_UNIT: Record<string, number> = {
  B: 1,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

const NUMBER_AND_UNIT = /^([0-9]+(?:\.[0-9]+)?)([A-Za-z%]+)$/;

/** Milliseconds of a duration such as `250ms`, `1.5s`, `10m`, `1h`, `7d`. */
export function parseDuration(text: string): number {
  return parseWithUnit(text, MS_OF_UNIT, 'duration');
}

/** Share in [0, 1] of `10%` or of a number that is one already. */
export function parseShare(share: string | number): number {
  const value = typeof share === 'number' ? share : parseWithUnit(share, { '%': 1 }, 'share') / 100;
  if (!(value >= 0 && value <= 1)) throw new RangeError(`not a share between 0% and 100%: ${share}`);
  return value;
}

/** Whole bytes of a size such as `16KiB`, `1.5MiB`, `10MB`, or of a number of bytes. */
export function parseSize(size: string | number): number {
  const bytes = typeof size === 'number' ? size : Math.round(parseWithUnit(size, BYTES_OF_UNIT, 'size'));
  if (!Number.isSafeInteger(bytes) || bytes < 0) throw new RangeError(`not a size: ${size}`);
  return bytes;
}

function parseWithUnit(text: string, units: Record<string, number>, what: string): number {
  const [, number, unit] = NUMBER_AND_UNIT.exec(text) ?? [];
  const factor = unit !== undefined && Object.hasOwn(units, unit) ? units[unit] : undefined;
  if (number === undefined || factor === undefined) throw new RangeError(`not a ${what}: ${text}`);
  return Number(number) * factor;
}
