import type { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';

import type { Gateway, RequestHead } from '../../gateway/gateway.ts';
import { applyModelHeader, type KnownPath, type PathTable } from '../../gateway/path-table.ts';
import type { RequestHeadReader } from '../../protocol/http1/request-head.ts';
import type { AnswerHeads } from './answer-head.ts';
import type { ClientConnection } from './client-connection.ts';
import { ExpressHeaders } from './request-headers.ts';

/** What all connections of a front share. */
export interface Front {
  readonly gateway: Gateway;
  readonly paths: PathTable;
  readonly heads: RequestHeadReader;
  readonly answerHeads: AnswerHeads;
  readonly maxHeadBytes: number;
  readonly limits: FrontLimits;
  /** Counts the looks at all connections: the clock of their limits, which costs nothing to read. */
  readonly tick: number;
  isDraining(): boolean;
  /** Gives a connection to the main lane for good. */
  passOn(socket: Socket): void;
  /** The connection is closed or passed on. */
  forget(connection: ClientConnection): void;
}

/** How long a connection may stay in a state, in ticks. */
export interface FrontLimits {
  readonly head: number;
  readonly body: number;
  readonly idle: number;
  /** For a client to read what was written. */
  readonly write: number;
  /** For what a client still sends on a connection that is closed on our side. */
  readonly linger: number;
}

/** Longer paths are left to the main lane, whose router has its own limit. */
const PATH_MAX = 512;

/**
 * The request whose strict head of `headLength` bytes the front's reader has just read of `bytes[0, end)`; null: it is one
 * for the main lane, because of its path, the length of its body, or what is right behind it.
 */
export function readRequest(front: Front, bytes: Buffer, headLength: number, end: number): RequestHead | null {
  const { gateway, heads } = front;
  const { contentLength } = heads;
  const { snapshot } = gateway;
  if (end > headLength + contentLength || contentLength > snapshot.limits.bodyBytes) return null;
  const whole = heads.path(bytes);
  if (whole.length > PATH_MAX) return null;
  const paths = front.paths.of(snapshot);
  if (paths.hasHosts) {
    const headers = headersOf(heads, bytes);
    const known = paths.lookup(whole, headers.get('host'));
    return known === null ? null : requestFor(known, headers, heads.query(bytes));
  }
  const known = paths.lookup(whole, undefined);
  return known === null ? null : requestFor(known, headersOf(heads, bytes), heads.query(bytes));
}

function headersOf(heads: RequestHeadReader, bytes: Buffer): ExpressHeaders {
  const fields = heads.fields(bytes);
  return new ExpressHeaders(fields, heads.upstream(fields), heads.names);
}

function requestFor(known: KnownPath, headers: ExpressHeaders, query: string): RequestHead | null {
  const { methods, operation } = known.meaning;
  if (!methods.includes('POST') || operation === 'feedback') return null;
  const named = applyModelHeader(known, headers);
  return named === null ? null : { method: 'POST', path: named.path, query, meaning: named.meaning, headers };
}
