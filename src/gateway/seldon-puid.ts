import type { Protocol } from '../core/facts.ts';
import { findHeader, type HeaderBlock, headerLine, isFieldValue } from '../protocol/header-block.ts';
import type { RequestHeaders } from './ports.ts';
import { requestIdOf } from './request-id.ts';

/** Names a prediction to clients of Seldon Core 1, over HTTP and gRPC; every answer has it. */
const puidHeader = 'seldon-puid';

/** Answers of deployments have it as well, and need not agree. */
export const puidFields: ReadonlySet<string> = new Set([puidHeader]);

export function isSeldonV1(protocol: Protocol): boolean {
  return protocol === 'seldon-v1' || protocol === 'seldon-v1-grpc';
}

/** The client's puid, else the request id. Bodies are not read for it, as Seldon's own front does not read them. */
export function puidOf(headers: Pick<RequestHeaders, 'get'>, requestId: string): string {
  const given = headers.get(puidHeader) ?? '';
  return given !== '' && isFieldValue(given) ? given : requestId;
}

/** The fields of an answer that name its request: the request id, and for clients of Seldon Core 1 the puid. */
export function namingFields(protocol: Protocol, headers: Pick<RequestHeaders, 'get'>, id?: string): HeaderBlock {
  const requestId = id ?? requestIdOf(headers.get('x-request-id'));
  const line = `x-request-id: ${requestId}\r\n`;
  return isSeldonV1(protocol) ? line + headerLine(puidHeader, puidOf(headers, requestId)) : line;
}

/** The fields of a request for a deployment, with a puid where there is none. */
export function withPuid(block: HeaderBlock, requestId: string): HeaderBlock {
  const given = findHeader(block, puidHeader) ?? '';
  return given === '' ? block + headerLine(puidHeader, requestId) : block;
}
