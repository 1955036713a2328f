/** Positions in `00-<32 hex>-<16 hex>-<2 hex>`, W3C Trace Context 3.2.2. */
const TRACE_ID = 3;
const SPAN_ID = 36;
const FLAGS = 53;
const LENGTH = 55;

export const SAMPLED = 1;
/** No valid `traceparent`: as if there were none. */
export const NO_PARENT = -1;

/**
 * The flags of a `traceparent`, or `NO_PARENT` when it is absent or invalid. Version 00 has exactly 55 characters,
 * later versions may go on after a dash. Allocates nothing.
 */
export function traceFlagsOf(text: string | undefined): number {
  if (text === undefined || text.length < LENGTH) return NO_PARENT;
  const version = hexValue(text, 0, 2);
  if (version === NO_PARENT || version === 0xff) return NO_PARENT;
  if (text.length > LENGTH && (version === 0 || text[LENGTH] !== '-')) return NO_PARENT;
  if (text[TRACE_ID - 1] !== '-' || text[SPAN_ID - 1] !== '-' || text[FLAGS - 1] !== '-') return NO_PARENT;
  // A value of 0 is an id of zeros only, which is invalid; what overflows 2^53 is not 0.
  if (hexValue(text, TRACE_ID, SPAN_ID - 1) <= 0 || hexValue(text, SPAN_ID, FLAGS - 1) <= 0) return NO_PARENT;
  return hexValue(text, FLAGS, LENGTH);
}

/** The trace id of a valid `traceparent`. */
export function traceIdOf(text: string): string {
  return text.slice(TRACE_ID, SPAN_ID - 1);
}

/** The span id of a valid `traceparent`. */
export function spanIdOf(text: string): string {
  return text.slice(SPAN_ID, FLAGS - 1);
}

/** Value of lower-case hexadecimal digits, rounded beyond 2^53; `NO_PARENT` when there is another character. */
function hexValue(text: string, from: number, to: number): number {
  let value = 0;
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x30 && code <= 0x39) value = value * 16 + code - 0x30;
    else if (code >= 0x61 && code <= 0x66) value = value * 16 + code - 0x57;
    else return NO_PARENT;
  }
  return value;
}
