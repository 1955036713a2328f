import type { Buffer } from 'node:buffer';

import type { Backend } from '../core/snapshot.ts';
import type { FeatureBody } from '../protocol/feature-body.ts';
import { frameMessage } from '../protocol/grpc/frame.ts';
import { answerNamePath } from '../protocol/grpc/answer-name.ts';
import type { GrpcMethod, ModelPlace } from '../protocol/grpc/methods.ts';
import { setModelSpec } from '../protocol/grpc/model-spec.ts';
import { readStringField, setStringField } from '../protocol/grpc/string-field.ts';
import { type HeaderBlock, setHeader, withoutHeaders } from '../protocol/header-block.ts';
import type { AnswerMapping } from './answer-mapping.ts';
import { editedStream } from './edited-stream.ts';
import { isWhole, type Exchange } from './exchange.ts';
import { GrpcNameMapping, GrpcStreamMapping } from './grpc-name-mapping.ts';
import { type BackendRequest, crossingFields, mustRename } from './backend-fields.ts';
import type { BodyStream } from './ports.ts';

const COMPRESSION: ReadonlySet<string> = new Set(['grpc-encoding']);
const DEADLINE = 'grpc-timeout:';

/**
 * The request for a backend that speaks the gRPC protocol of the client: the message as it came, or with its `features`,
 * but for its names.
 */
export function grpcRequest(exchange: Exchange, backend: Backend, features: FeatureBody | null): BackendRequest {
  const { facts, call } = exchange;
  const body = features?.bytes ?? exchange.body;
  const place = call?.method.place ?? null;
  let headers = withoutDeadline(crossingFields(exchange, backend));
  const isRenamed = mustRename(backend, facts.model);
  // Nothing of the answer may be compressed in a way that only the client understands.
  if (isRenamed) headers = setHeader(headers, 'grpc-accept-encoding', 'identity');
  const mapping = isRenamed && call !== null ? nameMapping(call.method, backend.model as string, facts.model) : null;
  const common = { method: 'POST', path: facts.path, mapping };
  if (body === null) return { ...common, headers, body };
  if (!isWhole(body)) {
    if (place?.kind !== 'fields') return { ...common, headers, body };
    // The lane takes the compression off messages that it reads.
    const stream = namedStream(body, place, backend, facts.model);
    return { ...common, headers: withoutHeaders(headers, COMPRESSION), body: stream };
  }
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

function nameMapping(method: GrpcMethod, from: string, to: string): AnswerMapping | null {
  if (method.operation === 'infer-stream') return new GrpcStreamMapping(from, to);
  const path = answerNamePath(method);
  return path === null ? null : new GrpcNameMapping(path, from, to);
}

/** A stream whose messages, all for one model, have the names that the backend knows. */
function namedStream(body: BodyStream, place: ModelPlace, backend: Backend, model: string): BodyStream {
  if (!mustRename(backend, model) && backend.version === null) return body;
  return editedStream(body, (message) => setNames(message, place, backend, model));
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
