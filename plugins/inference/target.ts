import type { IncomingMessage } from 'node:http';

/** Scheme and authority of a target in absolute form, RFC 9112 3.2.2. */
const AUTHORITY = /^https?:\/\/([^/?#]*)/i;

/** The path of a target, without its query. */
export function pathOf(request: IncomingMessage): string {
  const url = request.url as string;
  const mark = url.indexOf('?');
  const path = mark === -1 ? url : url.slice(0, mark);
  return path.startsWith('/') ? path : path.replace(AUTHORITY, '');
}

/** What follows the first `?`; `''` for none. */
export function queryOf(request: IncomingMessage): string {
  const url = request.url as string;
  const mark = url.indexOf('?');
  return mark === -1 ? '' : url.slice(mark + 1);
}

/**
 * The host that is asked for, perhaps with a port: the authority of a target in absolute form before the header. Fastify
 * keeps the target as it came beside the one that it routes by.
 */
export function hostOf(request: IncomingMessage & { readonly originalUrl?: string }): string | undefined {
  const authority = AUTHORITY.exec(request.originalUrl ?? request.url ?? '')?.[1];
  return authority === undefined ? request.headers.host : authority.slice(authority.lastIndexOf('@') + 1);
}
