import { GatewayError } from '../../core/errors.ts';

/**
 * What an error of undici or of the socket means. Nothing of its message reaches the client; it stays in `internal` for
 * logs. `isStarted` tells whether the request was on a connection: before that, nothing can have reached the endpoint.
 */
export function upstreamError(error: Error, isStarted: boolean): GatewayError {
  if (error instanceof GatewayError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const internal = code === '' ? error.message : `${code}: ${error.message}`;
  if (isBadForm(error) || code === 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH')
    return new GatewayError('BAD_REQUEST', undefined, internal);
  if (!isStarted) return new GatewayError('UPSTREAM_CONNECT', undefined, internal);
  // undici means to give its parser's errors a code, but they have none (8.12).
  if (error.name === 'HTTPParserError' || BAD_RESPONSE.has(code))
    return new GatewayError('UPSTREAM_BAD_RESPONSE', undefined, internal);
  return new GatewayError('UPSTREAM_RESET', undefined, internal);
}

/** Whether undici refused the form of a request before anything was done with it. */
export function isBadForm(error: Error): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED';
}

const BAD_RESPONSE = new Set([
  'UND_ERR_HEADERS_OVERFLOW',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  'UND_ERR_RES_EXCEEDED_MAX_SIZE',
  'UND_ERR_RESPONSE',
]);
