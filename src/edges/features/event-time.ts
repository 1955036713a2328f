/** A number below this is seconds: as milliseconds it would be before 1973. */
const firstMilliseconds = 1e11;
const iso = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/;

/**
 * Reads the time of stored values: seconds or milliseconds since the epoch (also as text, also with a fraction), or ISO
 * 8601, which without a zone is UTC. Milliseconds since the epoch; undefined when it is none of these.
 */
export function readEventTime(value: unknown): number | undefined {
  if (typeof value === 'number') return readNumber(value);
  if (typeof value !== 'string' || value === '') return undefined;
  const match = iso.exec(value);
  if (match === null) return readNumber(Number(value));
  const isLocal = value.length > 10 && match[1] === undefined;
  const time = Date.parse(isLocal ? `${value.replace(' ', 'T')}Z` : value.replace(' ', 'T'));
  return Number.isNaN(time) ? undefined : time;
}

function readNumber(value: number): number | undefined {
  if (!Number.isFinite(value) || value < 0) return undefined;
  return value < firstMilliseconds ? value * 1000 : value;
}
