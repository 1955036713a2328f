import type { Buffer } from 'node:buffer';

import type { Backend } from '../core/snapshot.ts';
import { headerLine, withoutHeaders, type HeaderBlock } from '../protocol/header-block.ts';
import type { AnswerMapping } from './answer-mapping.ts';
import type { Exchange } from './exchange.ts';
import type { BodyStream } from './ports.ts';
import { isSeldonV1, withPuid } from './seldon-puid.ts';

/** A request as one backend must get it; the path still lacks the prefix of the endpoint. */
export interface BackendRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: HeaderBlock;
  /** Of gRPC protocols: messages with their prefixes. */
  readonly body: Buffer | BodyStream | null;
  /** How the answer is changed on its way back; null: not at all. */
  readonly mapping: AnswerMapping | null;
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

/** The fields of the client that cross to a backend, with those that Makas adds. */
export function crossingFields({ headers, facts }: Exchange, backend: Backend): HeaderBlock {
  const { added, replaced } = fieldsOf(backend);
  let crossing = headers.upstream;
  if (replaced !== null) crossing = withoutHeaders(crossing, replaced);
  const block = `${crossing}x-request-id: ${facts.requestId}\r\n${added}`;
  return isSeldonV1(facts.protocol) ? withPuid(block, facts.requestId) : block;
}

function fieldsOf(backend: Backend): BackendFields {
  let fields = fieldsByBackend.get(backend);
  if (fields === undefined) {
    const names = backend.headers.map(([name]) => name);
    // Names inside an answer can only be mapped back when the answer is not compressed.
    // Seldon Core 2 routes by a header that has the client's name for the model.
    if (backend.model !== null) names.push('accept-encoding', 'seldon-model');
    const own = backend.headers.map(([name, value]) => headerLine(name, value)).join('');
    fields = { added: `via: 1.1 makas\r\n${own}`, replaced: names.length === 0 ? null : new Set(names) };
    fieldsByBackend.set(backend, fields);
  }
  return fields;
}
