import type { IncomingMessage } from 'node:http';

import { GatewayError } from '../../src/core/errors.ts';

/** node:http drops fields beyond this number without a word. */
const FIELDS_MAX = 2000;
/** uri-host with an optional port, RFC 9110 7.2: no user, no path, no list. */
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+;=-]*)(?::[0-9]*)?$/;
/** Visible ASCII without `#`: a fragment never belongs to a request, RFC 9112 3.2. */
const TARGET = /^[\x21\x22\x24-\x7e]+$/;

/**
 * What node:http accepts in a head, but two servers could read in two ways (RFC 9112 11); null when there is nothing of
 * the kind. Such a request is refused and its connection closed.
 */
export function findFramingDoubt(request: IncomingMessage): GatewayError | null {
  const { rawHeaders, headers, httpVersion } = request;
  if (httpVersion !== '1.1' && httpVersion !== '1.0' && !isHttp2(request))
    return new GatewayError('BAD_REQUEST', 'The version of HTTP must be 1.0, 1.1 or 2.');
  if (rawHeaders.length >= 2 * FIELDS_MAX) return new GatewayError('HEADERS_TOO_LARGE');
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && (coding.toLowerCase() !== 'chunked' || httpVersion !== '1.1'))
    return new GatewayError('BAD_REQUEST', 'The only transfer coding that is understood is chunked, in HTTP/1.1.');
  if (!TARGET.test(request.url ?? ''))
    return new GatewayError('BAD_REQUEST', 'The request target holds characters that it must not have.');
  const hosts = countHosts(rawHeaders);
  if (hosts > 1 || (hosts === 0 ? httpVersion !== '1.0' : !HOST.test(headers.host ?? '')))
    return new GatewayError('BAD_REQUEST', 'The request needs exactly one valid Host.');
  return null;
}

function countHosts(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') count++;
  }
  return count;
}

/**
 * Whether each request has a stream of its own, whose end says where the body ends. Its version is no sign of it: a request
 * line can name any.
 */
export function isHttp2(request: IncomingMessage): boolean {
  return 'stream' in request;
}

/** Whether a part of a body is still on its way on a connection that carries other requests behind it. */
export function hasBodyLeft(request: IncomingMessage): boolean {
  if (isHttp2(request)) return false;
  if (request.complete || request.readableEnded) return false;
  const length = request.headers['content-length'];
  return request.headers['transfer-encoding'] !== undefined || (length !== undefined && Number(length) !== 0);
}
