import type { Buffer } from 'node:buffer';

import type { Backend, Endpoint } from '../core/snapshot.ts';
import { headerLine, setHeader, withoutHeaders, type HeaderBlock } from '../protocol/header-block.ts';
import { writeInferencePath } from '../protocol/inference-path.ts';
import { inferenceHeader } from '../protocol/oip-binary.ts';
import { renameAnswer } from '../protocol/rename.ts';
import { isWhole, type Exchange } from './exchange.ts';
import type { BodyStream } from './ports.ts';

/** A request as one backend must get it; the path still lacks the prefix of the endpoint. */
export interface BackendRequest {
  readonly path: string;
  readonly headers: HeaderBlock;
  readonly body: Buffer | BodyStream | null;
}

/** What Makas adds to every request for a backend, and the names that give way to it. */
interface BackendFields {
  readonly added: HeaderBlock;
  /** Null for none. */
  readonly replaced: ReadonlySet<string> | null;
}

const fieldsByBackend = new WeakMap<Backend, BackendFields>();

/** Whether the names in path, body and answer differ between client and backend. */
export function mustRename(backend: Backend, model: string): boolean {
  return backend.model !== null && backend.model !== model && model !== '';
}

/** Builds the request for a backend: mapped path, filtered headers, renamed body. */
export function backendRequest(exchange: Exchange, backend: Backend): BackendRequest {
  const { facts } = exchange;
  const isRenamed = mustRename(backend, facts.model);
  const { added, replaced } = fieldsOf(backend);
  let headers = exchange.headers.upstream;
  if (replaced !== null) headers = withoutHeaders(headers, replaced);
  let { body, inferenceHeaderLength } = exchange;
  if (isRenamed && facts.protocol === 'oip' && isWhole(body) && body !== null && facts.isPlainBody()) {
    const length = inferenceHeaderLength ?? facts.inferenceHeaderLength();
    const renamed = renameAnswer(body, length, 'model_name', facts.model, backend.model as string);
    if (renamed.body !== body) {
      body = renamed.body;
      inferenceHeaderLength = renamed.inferenceHeaderLength;
    }
  }
  if (inferenceHeaderLength !== null) headers = setHeader(headers, inferenceHeader, String(inferenceHeaderLength));
  headers += `x-request-id: ${facts.requestId}\r\n${added}`;
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

function fieldsOf(backend: Backend): BackendFields {
  let fields = fieldsByBackend.get(backend);
  if (fields === undefined) {
    const names = backend.headers.map(([name]) => name);
    // Names inside an answer can only be mapped back when the answer is not compressed.
    if (backend.model !== null) names.push('accept-encoding');
    const own = backend.headers.map(([name, value]) => headerLine(name, value)).join('');
    fields = { added: `via: 1.1 makas\r\n${own}`, replaced: names.length === 0 ? null : new Set(names) };
    fieldsByBackend.set(backend, fields);
  }
  return fields;
}
