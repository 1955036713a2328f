/** The text of an error of gRPC. */
export const STATUS_MESSAGE = 'grpc-message';

const SPACE = 0x20;
const TAB = 0x09;

/**
 * A `grpc-message` whose blanks at its ends are escaped (gRPC over HTTP/2, "Status-Message"). Values of fields have none
 * around them, so that they would be lost on the way; but grpcio writes them as they are, and its texts of errors often end
 * with one.
 */
export function escapeEnds(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isBlank(value.charCodeAt(start))) start++;
  while (end > start && isBlank(value.charCodeAt(end - 1))) end--;
  if (start === 0 && end === value.length) return value;
  return encodeURIComponent(value.slice(0, start)) + value.slice(start, end) + encodeURIComponent(value.slice(end));
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}
