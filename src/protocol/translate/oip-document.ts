import type { Buffer } from 'node:buffer';

import { type CodecFailure, fail } from '../codec-result.ts';
import { readScalar } from '../json-scalar.ts';
import { skipValue, type Span } from '../json-scan.ts';
import { type End, failType, readElements, readMembers, readRoot, spanAt } from './json-reader.ts';
import { type OipTensor, TensorReader } from './oip-tensors.ts';
import type { TranslatableRequest } from './translation.ts';
import { failUnsupported, shown } from './wording.ts';

/** An output that a request asks for. */
export interface RequestedOutput {
  readonly name: string;
  readonly parameters: Span | null;
}

/** A request or an answer of the Open Inference Protocol over REST, read. */
export interface OipDocument {
  readonly ok: true;
  readonly json: Buffer;
  readonly kind: 'input' | 'output';
  /** `''` for none. */
  readonly model: string;
  readonly version: string;
  readonly id: string;
  readonly parameters: Span | null;
  /** The `inputs` of a request, the `outputs` of an answer. */
  readonly tensors: readonly OipTensor[];
  /** Empty for an answer, and for a request that asks for all. */
  readonly requested: readonly RequestedOutput[];
}

/**
 * Reads a request; fields that the protocol does not know fail, and so do tensors without data. Some clients, such as
 * KServe's, name the model and its version in the body as well: then as in the path.
 */
export function readOipRequest({
  body,
  inferenceHeaderLength,
  named,
}: TranslatableRequest): OipDocument | CodecFailure {
  if (inferenceHeaderLength === 0) {
    const text = 'A raw binary request has no translation; send the JSON that describes its tensor before it.';
    return fail('BAD_BODY', 'RAW_REQUEST', text);
  }
  const read = readDocument(body, inferenceHeaderLength, 'input');
  if (!read.ok) return read;
  return (
    checkName('model_name', read.model, named.model) ?? checkName('model_version', read.version, named.version) ?? read
  );
}

function checkName(field: string, name: string, inPath: string): CodecFailure | null {
  if (name === '' || name === inPath) return null;
  const path = inPath === '' ? 'the path has none' : `the path has ${shown(inPath)}`;
  return failUnsupported(field, `is ${shown(name)}, and ${path}; name in the path what you mean`);
}

/** Reads an answer; fields that the protocol does not know are passed over. */
export function readOipAnswer(body: Buffer, jsonLength: number | null): OipDocument | CodecFailure {
  return readDocument(body, jsonLength, 'output');
}

function readDocument(body: Buffer, jsonLength: number | null, kind: 'input' | 'output'): OipDocument | CodecFailure {
  const length = jsonLength ?? body.length;
  if (length > body.length) {
    return fail('BAD_REQUEST', 'BINARY_LENGTH', 'Inference-Header-Content-Length is larger than the body.');
  }
  const tail = body.subarray(length);
  const reader = new DocumentReader(body.subarray(0, length), tail, kind);
  const problem = readRoot(reader.json, (key, at) => reader.readMember(key, at));
  if (problem !== null) return problem;
  const { tensors, used } = reader.tensors;
  if (tensors === null) return fail('BAD_BODY', 'MISSING', `The body needs an array "${kind}s" of tensors.`);
  if (used !== tail.length) {
    return fail('BAD_BODY', 'BINARY_LENGTH', 'There are more bytes behind the JSON than the tensors say.');
  }
  const { json, texts, parameters, requested } = reader;
  return {
    ok: true,
    json,
    kind,
    model: texts.model_name,
    version: texts.model_version,
    id: texts.id,
    parameters,
    tensors,
    requested,
  };
}

class DocumentReader {
  readonly json: Buffer;
  readonly tensors: TensorReader;
  readonly texts = { model_name: '', model_version: '', id: '' };
  parameters: Span | null = null;
  requested: RequestedOutput[] = [];

  constructor(json: Buffer, tail: Buffer, kind: 'input' | 'output') {
    this.json = json;
    this.tensors = new TensorReader(json, tail, kind);
  }

  readMember(key: string, at: number): End {
    const isRequest = this.tensors.kind === 'input';
    switch (key) {
      case 'id':
        return this.#readText(key, at);
      case 'parameters':
        return this.#readObject(key, at, (span) => {
          this.parameters = span;
        });
      case 'inputs':
        if (isRequest) return this.tensors.read(at);
        break;
      case 'outputs':
        return isRequest ? this.#readRequested(at) : this.tensors.read(at);
      case 'model_name':
      case 'model_version':
        return this.#readText(key, at);
      default:
    }
    return isRequest ? failUnsupported(key) : skipValue(this.json, at);
  }

  #readText(key: 'id' | 'model_name' | 'model_version', at: number): End {
    const span = spanAt(this.json, at);
    if (span === null) return -1;
    const value = readScalar(this.json, span);
    // KServe writes null for what it does not have.
    if (value !== null && typeof value !== 'string') return failType(key, 'a string');
    this.texts[key] = value ?? '';
    return span.end;
  }

  /** An object, or null, which counts as absent. */
  #readObject(field: string, at: number, keep: (span: Span | null) => void): End {
    const span = spanAt(this.json, at);
    if (span === null) return -1;
    if (span.kind !== 'object' && span.kind !== 'null') return failType(field, 'an object');
    keep(span.kind === 'object' ? span : null);
    return span.end;
  }

  #readRequested(at: number): End {
    const { json } = this;
    const requested: RequestedOutput[] = [];
    this.requested = requested;
    if (json[at] === 0x6e) return skipValue(json, at);
    if (json[at] !== 0x5b) return failType('outputs', 'an array');
    return readElements(json, at, (start, index) => {
      const field = `outputs[${index}]`;
      if (json[start] !== 0x7b) return failType(field, 'an object');
      const found: { name: string | null; parameters: Span | null } = { name: null, parameters: null };
      const end = readMembers(json, start, (key, valueAt) => {
        if (key === 'parameters') {
          return this.#readObject(`${field}.parameters`, valueAt, (span) => {
            found.parameters = span;
          });
        }
        if (key !== 'name') return failUnsupported(`${field}.${key}`);
        const span = spanAt(json, valueAt);
        if (span?.kind === 'string') found.name = String(readScalar(json, span));
        return span === null ? -1 : span.end;
      });
      if (typeof end !== 'number' || end === -1) return end;
      if (found.name === null) return failType(`${field}.name`, 'a string');
      requested.push({ name: found.name, parameters: found.parameters });
      return end;
    });
  }
}
