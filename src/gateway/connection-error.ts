import { type ErrorCode, errorRegistry } from '../core/errors.ts';
import { errorBody } from '../protocol/error-answer.ts';
import { requestIdOf } from './request-id.ts';

const reasons: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
};

/**
 * The whole answer, as it stands on the wire, to what is no request: a head that cannot be read, is too large or too slow
 * in coming. It is the last on its connection.
 */
export function connectionErrorAnswer(code: ErrorCode): string {
  const { status, message } = errorRegistry[code];
  const body = errorBody(message);
  const head = [
    `HTTP/1.1 ${status} ${reasons[status] ?? code}`,
    'content-type: application/json',
    `content-length: ${body.length}`,
    `makas-error: ${code}`,
    `x-request-id: ${requestIdOf(undefined)}`,
    'connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${body.toString('latin1')}`;
}
