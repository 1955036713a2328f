/** Streams at once that an endpoint takes when it does not say how many: RFC 9113 6.5.2 recommends no fewer. */
export const STREAMS_UNANNOUNCED = 100;
/** However many an endpoint takes: what one connection loses holds up all of them, and a line must be able to form. */
const STREAMS_MAX = 1000;
/** What node:http2 has for a setting that did not come. */
const UNLIMITED = 0xffffffff;

/**
 * Streams at once on a session to an endpoint that allows so many; Infinity when it did not say. Without a limit of ours
 * a model that hangs would collect calls without end, and none would ever wait or be refused.
 */
export function streamLimit(announced: number): number {
  return announced >= UNLIMITED ? STREAMS_UNANNOUNCED : Math.min(announced, STREAMS_MAX);
}
