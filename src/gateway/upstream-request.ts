import type { Buffer } from 'node:buffer';

import type { Backend, Endpoint } from '../core/snapshot.ts';
import { writeInferencePath } from '../protocol/inference-path.ts';
import { inferenceHeader } from '../protocol/oip-binary.ts';
import { renameAnswer } from '../protocol/rename.ts';
import { isWhole, type Exchange } from './exchange.ts';
import { upstreamHeaders } from './headers.ts';
import type { BodyStream, HeaderList } from './ports.ts';

/** A request as one backend must get it; the path still lacks the prefix of the endpoint. */
export interface BackendRequest {
  readonly path: string;
  readonly headers: HeaderList;
  readonly body: Buffer | BodyStream | null;
}

/** Header names that Makas sets itself for a backend, by backend: its own headers, and encodings it must read. */
const replacedByBackend = new WeakMap<Backend, ReadonlySet<string> | null>();

/** Whether the names in path, body and answer differ between client and backend. */
export function mustRename(backend: Backend, model: string): boolean {
  return backend.model !== null && backend.model !== model && model !== '';
}

/** Builds the request for a backend: mapped path, filtered headers, renamed body. */
export function backendRequest(exchange: Exchange, backend: Backend): BackendRequest {
  const { facts } = exchange;
  const isRenamed = mustRename(backend, facts.model);
  const headers = upstreamHeaders(exchange.headers, replacedNames(backend));
  let { body, inferenceHeaderLength } = exchange;
  if (isRenamed && facts.protocol === 'oip' && isWhole(body) && body !== null && facts.isPlainBody()) {
    const length = inferenceHeaderLength ?? facts.inferenceHeaderLength();
    const renamed = renameAnswer(body, length, 'model_name', facts.model, backend.model as string);
    if (renamed.body !== body) {
      body = renamed.body;
      inferenceHeaderLength = renamed.inferenceHeaderLength;
    }
  }
  if (inferenceHeaderLength !== null) setHeader(headers, inferenceHeader, String(inferenceHeaderLength));
  headers.push('x-request-id', facts.requestId, 'via', '1.1 makas');
  for (const [name, value] of backend.headers) headers.push(name, value);
  return { path: backendPath(exchange, backend), headers, body };
}

/** Path and query at an endpoint. */
export function endpointPath(endpoint: Endpoint, request: BackendRequest): string {
  return endpoint.prefix === '' ? request.path : endpoint.prefix + request.path;
}

function backendPath(exchange: Exchange, backend: Backend): string {
  const { facts } = exchange;
  const query = facts.query === '' ? '' : `?${facts.query}`;
  if (backend.model === null && backend.version === null) return facts.path + query;
  const mapped = writeInferencePath(
    facts.protocol,
    facts.operation,
    backend.model ?? facts.model,
    backend.version ?? facts.version,
  );
  return (mapped ?? facts.path) + query;
}

function replacedNames(backend: Backend): ReadonlySet<string> | null {
  let names = replacedByBackend.get(backend);
  if (names === undefined) {
    const own = backend.headers.map(([name]) => name);
    // Names inside an answer can only be mapped back when the answer is not compressed.
    if (backend.model !== null) own.push('accept-encoding');
    names = own.length === 0 ? null : new Set(own);
    replacedByBackend.set(backend, names);
  }
  return names;
}

/** Replaces the first field of this lower-case name, or adds it. */
export function setHeader(headers: HeaderList, name: string, value: string): void {
  for (let i = 0; i < headers.length; i += 2) {
    const raw = headers[i] as string;
    if (raw.length === name.length && raw.toLowerCase() === name) {
      headers[i + 1] = value;
      return;
    }
  }
  headers.push(name, value);
}
