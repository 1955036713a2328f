import { Buffer } from 'node:buffer';

import type { TranslationSettings } from '../core/snapshot.ts';
import type { GrpcMethod } from '../protocol/grpc/methods.ts';
import { oipToGrpc } from '../protocol/translate/oip-to-grpc.ts';
import type { TranslatableRequest } from '../protocol/translate/translation.ts';
import { RequestFacts } from './facts.ts';
import type { RequestHeaders } from './ports.ts';

/**
 * A described gRPC call. Its body names the model as the message does, with the names of the `.proto` file; the rest of a
 * ModelInfer is as the REST API of the same protocol has it.
 */
export interface CallDescription {
  readonly requestId: string;
  readonly timeMs: number;
  readonly path: string;
  readonly fields: RequestHeaders;
  readonly body: unknown;
}

type DescribedCall =
  | { readonly ok: true; readonly facts: RequestFacts; readonly hasBody: boolean }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Facts of a described call. Of a message, only that of ModelInfer is there for conditions to read. */
export function describedCall(method: GrpcMethod, call: CallDescription): DescribedCall {
  const { requestId, timeMs, path, fields, body } = call;
  if (body !== undefined && body !== null && !isRecord(body)) {
    return { ok: false, problems: ['body must be an object for this path: the message as JSON'] };
  }
  const { protocol, operation } = method;
  const names = namesOf(method, fields, body ?? {});
  if (typeof names === 'string') return { ok: false, problems: [`body: ${names}`] };
  const { model, version } = names;
  const hasBody = body !== undefined && body !== null;
  const facts = new RequestFacts({
    requestId,
    timeMs,
    method: 'POST',
    path,
    query: '',
    protocol,
    operation,
    model,
    version,
    headers: fields,
  });
  if (protocol !== 'oip-grpc' || operation !== 'infer' || model === '') return { ok: true, facts, hasBody };
  const message = writeMessage(body ?? {}, model, version);
  if (typeof message === 'string') return { ok: false, problems: [`body: ${message}`] };
  facts.setBody(message);
  return { ok: true, facts, hasBody };
}

/** The message of what the REST API of the same protocol would be sent, or what is wrong with that. */
function writeMessage(described: object, model: string, version: string): Buffer | string {
  const body: Record<string, unknown> = { inputs: [], ...described };
  // Of REST these are in the path.
  delete body['model_name'];
  delete body['model_version'];
  const request: TranslatableRequest = {
    operation: 'infer',
    model,
    version,
    named: { model, version },
    contentType: 'application/json',
    body: Buffer.from(JSON.stringify(body), 'utf8'),
    inferenceHeaderLength: null,
  };
  const translated = oipToGrpc(request, noSettings);
  return translated.ok ? (translated.body ?? Buffer.alloc(0)) : translated.message;
}

/** None of them counts for this translation. */
const noSettings: TranslationSettings = {
  tensor: 'input',
  float: 'FP64',
  datatypes: new Map(),
  binary: true,
};

interface Names {
  readonly model: string;
  readonly version: string;
}

/** The names as a lane of gRPC reads them, or why it cannot tell them. */
function namesOf({ place }: GrpcMethod, fields: RequestHeaders, body: Record<string, unknown>): Names | string {
  if (place.kind === 'metadata') return { model: fields.get(place.name) ?? '', version: '' };
  if (place.kind === 'fields') {
    const { header, elsewhere = 0 } = place;
    const named = place.model === 0 ? '' : textOf(body['model_name']);
    const other = elsewhere === 0 ? '' : textOf(body['repository_name']);
    if (named !== '' && other !== '' && named !== other) return 'model_name and repository_name name two models';
    const overriding = header === undefined ? '' : (fields.get(header) ?? '');
    return { model: overriding || named || other, version: place.version === 0 ? '' : textOf(body['model_version']) };
  }
  const tasks = body['tasks'];
  const holder: unknown = place.isInTasks ? (Array.isArray(tasks) ? tasks[0] : undefined) : body;
  const spec = isRecord(holder) ? holder['model_spec'] : undefined;
  if (!isRecord(spec)) return { model: '', version: '' };
  return { model: textOf(spec['name']), version: textOf(spec['version'] ?? spec['version_label']) };
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
