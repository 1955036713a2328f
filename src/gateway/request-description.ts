import { Buffer } from 'node:buffer';

import type { Mount } from '../core/snapshot.ts';
import { readGrpcPath } from '../protocol/grpc/methods.ts';
import type { InferencePath } from '../protocol/paths/inference-path.ts';
import { describedCall } from './described-call.ts';
import { RequestFacts } from './facts.ts';
import { applyModelHeader, ServedPaths } from './path-table.ts';
import { ListedHeaders } from './request-headers.ts';
import { requestIdOf } from './request-id.ts';

/** The request id of a description that brings none: a fixed one, so that the same description is decided the same. */
export const describedRequestId = 'explained-request';

/** Facts of a described request, or all that is wrong with the description. */
export type DescribedFacts =
  | {
      readonly ok: true;
      readonly facts: RequestFacts;
      /** Whether the description has a body: without one nothing is said of what would be in it. */
      readonly hasBody: boolean;
    }
  | { readonly ok: false; readonly problems: readonly string[] };

const knownKeys = new Set(['method', 'path', 'headers', 'body']);

/**
 * Reads a description of a request, `{method, path, headers, body}` as JSON has it, for `explain`. Only `path` must be
 * there; it may have a query, and has the configured `prefix` or that of a mount. A `body` of text is the body; anything
 * else is its JSON. `timeMs` is when the request is taken to arrive. The path may be that of a gRPC method as well, of a
 * known service or one of `services`; then the body is the message as JSON, see `CallDescription`.
 */
export function factsOf(
  description: unknown,
  prefix: string,
  timeMs: number,
  mounts: readonly Mount[] = [],
  services: readonly string[] = [],
): DescribedFacts {
  if (!isRecord(description)) return failed(['the description is a JSON object with path, and method, headers, body']);
  const problems: string[] = [];
  for (const key of Object.keys(description)) {
    if (!knownKeys.has(key))
      problems.push(`unknown key ${JSON.stringify(key)}; known are ${[...knownKeys].join(', ')}`);
  }
  const { path: target, method, body } = description;
  const headers = readHeaders(description['headers'], problems);
  if (typeof target !== 'string') {
    problems.push(target === undefined ? 'path is missing' : 'path must be a text');
    return failed(problems);
  }
  if (method !== undefined && typeof method !== 'string') problems.push('method must be a text');
  const question = target.indexOf('?');
  const fullPath = question === -1 ? target : target.slice(0, question);
  const served = new ServedPaths({ prefix, mounts, models: 0 });
  const fields = new ListedHeaders(headers);
  const known = served.lookup(fullPath, fields.get('host'));
  const found = known === null ? null : applyModelHeader(known, fields);
  const grpc = known === null ? readGrpcPath(target, new Set(services)) : null;
  if (grpc !== null) {
    if (method !== undefined && method !== 'POST') problems.push(`method must be POST for this path`);
    const requestId = requestIdFrom(headers);
    return problems.length > 0
      ? failed(problems)
      : describedCall(grpc, { requestId, timeMs, path: target, fields, body });
  }
  if (known === null && mounts.length === 0 && !fullPath.startsWith(`${prefix}/`)) {
    problems.push(`path must begin with ${JSON.stringify(prefix === '' ? '/' : `${prefix}/`)}`);
  } else if (known === null) problems.push(`${JSON.stringify(fullPath)} is no path of a protocol that is served`);
  else if (found === null) problems.push(`the header ${known.modelFrom} names a model that cannot stand in a path`);
  else if (typeof method === 'string' && !found.meaning.methods.includes(method)) {
    problems.push(`method must be ${found.meaning.methods.join(' or ')} for this path, not ${JSON.stringify(method)}`);
  }
  if (found === null || problems.length > 0) return failed(problems);

  const { path, meaning } = found;
  const { protocol, operation, model, version } = meaning;
  const query = question === -1 ? '' : target.slice(question + 1);
  const requestId = requestIdFrom(headers);
  const facts = new RequestFacts({
    requestId,
    timeMs,
    method: typeof method === 'string' ? method : usualMethod(meaning, body),
    path,
    query,
    protocol,
    operation,
    model,
    version,
    headers: fields,
  });
  facts.setBody(bodyBytes(body));
  return { ok: true, facts, hasBody: body !== undefined && body !== null };
}

/** Of a path with several methods, the one that a body goes with. */
function usualMethod({ methods }: InferencePath, body: unknown): string {
  if (body !== undefined && methods.includes('POST')) return 'POST';
  return methods[0] ?? 'POST';
}

function failed(problems: readonly string[]): DescribedFacts {
  return { ok: false, problems };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Text as node gives it for the bytes of the wire: facts read those bytes as UTF-8 again. */
function readHeaders(described: unknown, problems: string[]): string[] {
  const headers: string[] = [];
  if (described === undefined) return headers;
  if (!isRecord(described)) {
    problems.push('headers must be an object of texts');
    return headers;
  }
  for (const [name, value] of Object.entries(described)) {
    const values: readonly unknown[] = Array.isArray(value) ? value : [value];
    for (const each of values) {
      if (typeof each === 'string') headers.push(name, Buffer.from(each, 'utf8').toString('latin1'));
      else problems.push(`header ${JSON.stringify(name)} must be a text or a list of texts`);
    }
  }
  return headers;
}

function requestIdFrom(headers: readonly string[]): string {
  for (let i = 0; i < headers.length; i += 2) {
    const value = headers[i + 1] ?? '';
    // The gateway replaces an id that it does not accept.
    if (headers[i]?.toLowerCase() === 'x-request-id' && requestIdOf(value) === value) return value;
  }
  return describedRequestId;
}

function bodyBytes(body: unknown): Buffer | null {
  if (body === undefined || body === null) return null;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body), 'utf8');
}
