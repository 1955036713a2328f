import type { Buffer } from 'node:buffer';

import type { Backend } from '../core/snapshot.ts';
import { frameMessage } from '../protocol/grpc/frame.ts';
import type { ModelPlace } from '../protocol/grpc/methods.ts';
import { setModelSpec } from '../protocol/grpc/model-spec.ts';
import { readStringField, setStringField } from '../protocol/grpc/string-field.ts';
import { type HeaderBlock, setHeader, withoutHeaders } from '../protocol/header-block.ts';
import { editedStream } from './edited-stream.ts';
import { isWhole, type Exchange } from './exchange.ts';
import { GrpcNameMapping } from './grpc-name-mapping.ts';
import { type BackendRequest, crossingFields, mustRename } from './backend-fields.ts';
import type { BodyStream } from './ports.ts';

const COMPRESSION: ReadonlySet<string> = new Set(['grpc-encoding']);
const DEADLINE = 'grpc-timeout:';

/** The request for a backend that speaks the gRPC protocol of the client: the message as it came, but for its names. */
export function grpcRequest(exchange: Exchange, backend: Backend): BackendRequest {
  const { facts, body, call } = exchange;
  const place = call?.method.place ?? null;
  let headers = withoutDeadline(crossingFields(exchange, backend));
  const isRenamed = mustRename(backend, facts.model);
  // Nothing of the answer may be compressed in a way that only the client understands.
  if (isRenamed) headers = setHeader(headers, 'grpc-accept-encoding', 'identity');
  const mapping = isRenamed ? new GrpcNameMapping(facts.operation, backend.model as string, facts.model) : null;
  const common = { method: 'POST', path: facts.path, mapping };
  if (body === null) return { ...common, headers, body };
  if (!isWhole(body)) return { ...common, headers, body: namedStream(body, exchange, backend) };
  const message = place === null ? body : setNames(body, place, backend, facts.model);
  const framed = call?.message === body ? call.framed : null;
  if (message === body && framed !== null) return { ...common, headers, body: framed };
  return { ...common, headers: withoutHeaders(headers, COMPRESSION), body: frameMessage(message) };
}

/**
 * What is left of the client's deadline is the dispatch's to say, for each attempt. Names that came in a call of gRPC are
 * lower-case.
 */
function withoutDeadline(headers: HeaderBlock): HeaderBlock {
  let block = headers;
  for (let at = block.indexOf(DEADLINE); at !== -1; at = block.indexOf(DEADLINE, at)) {
    if (at > 0 && block.charCodeAt(at - 1) !== LF) at += DEADLINE.length;
    else block = block.slice(0, at) + block.slice(block.indexOf('\n', at) + 1);
  }
  return block;
}

const LF = 0x0a;

/** A stream whose messages for the client's model have the names that the backend knows. */
function namedStream(body: BodyStream, { call, facts, headers }: Exchange, backend: Backend): BodyStream {
  const { model } = facts;
  const place = call?.method.place;
  if (place?.kind !== 'fields' || place.model === 0) return body;
  // Metadata that names the model holds for all messages.
  const isNamed = place.header !== undefined && (headers.get(place.header) ?? '') !== '';
  if (!isNamed && !mustRename(backend, model) && backend.version === null) return body;
  return editedStream(body, (message) => {
    if (isNamed) return setNames(setStringField(message, place.model, model), place, backend, model);
    return readStringField(message, place.model) === model ? setNames(message, place, backend, model) : message;
  });
}

/** The message with the names that the backend knows; the same buffer when they are the client's. */
function setNames(message: Buffer, place: ModelPlace, backend: Backend, model: string): Buffer {
  const name = mustRename(backend, model) ? backend.model : null;
  const { version } = backend;
  if (name === null && version === null) return message;
  if (place.kind === 'model-spec') return setModelSpec(message, place.isInTasks, name, version);
  if (place.kind === 'metadata') return message;
  let named = message;
  if (name !== null && place.model !== 0) {
    const { elsewhere = 0 } = place;
    const field = elsewhere !== 0 && readStringField(named, place.model) === '' ? elsewhere : place.model;
    named = setStringField(named, field, name);
  }
  if (version !== null && place.version !== 0) named = setStringField(named, place.version, version);
  return named;
}
