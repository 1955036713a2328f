import type { Buffer } from 'node:buffer';

import type { RequestHead } from '../../gateway/gateway.ts';
import type { GrpcMethod, ModelPlace } from '../../protocol/grpc/methods.ts';
import { readModelSpec } from '../../protocol/grpc/model-spec.ts';
import { readGrpcTimeout, writeGrpcTimeout } from '../../protocol/grpc/status.ts';
import { readStringField, setStringField } from '../../protocol/grpc/string-field.ts';
import { findHeader, type HeaderBlock, headerLine, setHeader } from '../../protocol/header-block.ts';
import { callHeaders } from './call-headers.ts';
import type { RefusalReason } from './refusals.ts';
import type { StreamHead } from '../http2/server-side.ts';

interface Names {
  readonly model: string;
  readonly version: string;
  readonly isLabel: boolean;
}

type FieldPlace = Extract<ModelPlace, { kind: 'fields' }>;

const POST: readonly string[] = ['POST'];
/** A deadline that has passed stays so: what is written for an endpoint is never less than a millisecond. */
const NO_TIME = '0m';

/**
 * The head of a request as the gateway takes it. `message`: the one that names the model, null when there is none;
 * `framed`: the same as it came, null when it is only the first of many; `spentMs`: what was spent on its way. A text
 * says why the model cannot be told.
 */
export function requestHead(
  { path, authority, block }: StreamHead,
  method: GrpcMethod,
  message: Buffer | null,
  framed: Buffer | null,
  spentMs: number,
): RequestHead | RefusalReason {
  const { protocol, operation, place } = method;
  const names = namesIn(place, message, block);
  if (typeof names === 'string') return names;
  const { model, version, isLabel } = names;
  return {
    method: 'POST',
    path,
    query: '',
    meaning: { protocol, operation, model, version, isLabel, methods: POST },
    headers: callHeaders(crossing(block, authority, spentMs)),
    call: framed === null ? { method, message: null, framed: null } : { method, message, framed },
  };
}

function namesIn(place: ModelPlace, message: Buffer | null, block: HeaderBlock): Names | RefusalReason {
  if (place.kind === 'metadata') return { model: findHeader(block, place.name) ?? '', version: '', isLabel: false };
  if (message === null) {
    const model = place.kind === 'fields' ? overriding(place, block) : '';
    return { model, version: '', isLabel: false };
  }
  if (place.kind === 'model-spec') return readModelSpec(message, place.isInTasks) ?? 'bad-spec';
  const { model, version, elsewhere = 0 } = place;
  const named = model === 0 ? '' : readStringField(message, model);
  const other = elsewhere === 0 ? '' : readStringField(message, elsewhere);
  if (named !== '' && other !== '' && named !== other) return 'two-names';
  return {
    model: overriding(place, block) || named || other,
    version: version === 0 ? '' : readStringField(message, version),
    isLabel: false,
  };
}

/** The message for the model that metadata names, as a lane of HTTP writes it into the path; else the same buffer. */
export function withModel({ place }: GrpcMethod, block: HeaderBlock, message: Buffer): Buffer {
  const model = place.kind === 'fields' ? overriding(place, block) : '';
  return place.kind !== 'fields' || model === '' ? message : setStringField(message, place.model, model);
}

/** Whether metadata names the model of a call, whatever its messages say. */
export function namesModel({ place }: GrpcMethod, block: HeaderBlock): boolean {
  return place.kind === 'fields' && overriding(place, block) !== '';
}

/** The model that metadata names; `''` for none. */
function overriding({ header }: FieldPlace, block: HeaderBlock): string {
  return header === undefined ? '' : (findHeader(block, header) ?? '');
}

/** The fields with the host that rules may look at, and the deadline as it is now: it counts from the head on. */
function crossing(block: HeaderBlock, authority: string, spentMs: number): HeaderBlock {
  let fields = block;
  if (spentMs >= 1) {
    const timeout = findHeader(block, 'grpc-timeout');
    if (timeout !== undefined) {
      const leftMs = (readGrpcTimeout(timeout) ?? 0) - spentMs;
      fields = setHeader(block, 'grpc-timeout', leftMs > 0 ? writeGrpcTimeout(leftMs) : NO_TIME);
    }
  }
  return authority === '' || findHeader(fields, 'host') !== undefined ? fields : fields + hostLine(authority);
}

/** A connection is of one host. */
let lastAuthority = '';
let lastHostLine = '';

function hostLine(authority: string): HeaderBlock {
  if (authority !== lastAuthority) {
    lastHostLine = headerLine('host', authority);
    lastAuthority = authority;
  }
  return lastHostLine;
}

/** Octets that a section counts for each field beside name and value, RFC 9113 6.5.2; `: ` and CRLF are in the block. */
const FIELD_OCTETS = 32 - 4;
/** Of the shortest line of a block: `a: ` and CRLF. */
const LINE_MIN = 5;

/** Whether a section of fields is no larger than this, as HTTP/2 counts it. */
export function fitsInto(block: HeaderBlock, maxBytes: number): boolean {
  // Most are so short that they need not be counted.
  if (block.length * (1 + FIELD_OCTETS / LINE_MIN) <= maxBytes) return true;
  let octets = block.length;
  for (let at = block.indexOf('\n'); at !== -1; at = block.indexOf('\n', at + 1)) octets += FIELD_OCTETS;
  return octets <= maxBytes;
}
