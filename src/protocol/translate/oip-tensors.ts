import type { Buffer } from 'node:buffer';

import { type CodecFailure, fail } from '../codec-result.ts';
import { readScalar } from '../json-scalar.ts';
import type { Span } from '../json-scan.ts';
import { checkRaw, maxRank } from './datatypes.ts';
import { type Elements, JsonElements, RawElements } from './elements.ts';
import { type End, failType, findMember, readElements, readMembers, spanAt } from './json-reader.ts';
import { encodeElements } from './raw-from-json.ts';
import { failUnsupported, shown } from './wording.ts';

/** A tensor of a request or an answer of the Open Inference Protocol over REST. */
export interface OipTensor {
  readonly name: string;
  /** As messages name it, such as `input "x"`. */
  readonly label: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly parameters: Span | null;
  /** The JSON form of the data; null when `raw` is not. */
  readonly data: Span | null;
  readonly raw: Buffer | null;
}

/** The members of a tensor as they are found. */
interface Draft {
  name: string | null;
  datatype: string | null;
  shape: number[] | null;
  parameters: Span | null;
  data: Span | null;
  size: number | null;
}

/** Reads the tensors of one body, whose binary data are in `tail`. */
export class TensorReader {
  readonly kind: 'input' | 'output';
  tensors: OipTensor[] | null = null;
  /** Bytes of the tail that belong to tensors. */
  used = 0;
  readonly #json: Buffer;
  readonly #tail: Buffer;

  constructor(json: Buffer, tail: Buffer, kind: 'input' | 'output') {
    this.#json = json;
    this.#tail = tail;
    this.kind = kind;
  }

  /** Reads the array at `at`, in place of what was read before. */
  read(at: number): End {
    const field = `${this.kind}s`;
    if (this.#json[at] !== 0x5b) return failType(field, 'an array');
    const tensors: OipTensor[] = [];
    this.tensors = tensors;
    this.used = 0;
    return readElements(this.#json, at, (start, index) => this.#readTensor(`${field}[${index}]`, start, tensors));
  }

  #readTensor(field: string, at: number, into: OipTensor[]): End {
    if (this.#json[at] !== 0x7b) return failType(field, 'an object');
    const draft: Draft = { name: null, datatype: null, shape: null, parameters: null, data: null, size: null };
    const end = readMembers(this.#json, at, (key, start) => this.#readMember(draft, field, key, start));
    if (typeof end !== 'number' || end === -1) return end;
    const { name, datatype, shape, parameters, data, size } = draft;
    if (name === null || datatype === null || shape === null) {
      return fail('BAD_BODY', 'MISSING', `The tensor "${field}" needs "name", "datatype" and "shape".`);
    }
    const label = `${this.kind} ${shown(name)}`;
    if ((data === null) === (size === null)) {
      const text = `The ${label} needs its data either in "data" or behind the JSON, with their "binary_data_size".`;
      return fail('BAD_BODY', 'BINARY_DATA', text);
    }
    const raw = size === null ? null : this.#tail.subarray(this.used, this.used + size);
    this.used += size ?? 0;
    into.push({ name, label, datatype, shape, parameters, data, raw });
    return end;
  }

  #readMember(draft: Draft, field: string, key: string, at: number): End {
    const json = this.#json;
    const span = spanAt(json, at);
    if (span === null) return -1;
    switch (key) {
      case 'name':
      case 'datatype':
        if (span.kind !== 'string') return failType(`${field}.${key}`, 'a string');
        draft[key] = String(readScalar(json, span));
        return span.end;
      case 'shape': {
        const shape = readShape(json, span, `${field}.shape`);
        if ('ok' in shape) return shape;
        draft.shape = shape;
        return span.end;
      }
      case 'parameters': {
        if (span.kind !== 'object' && span.kind !== 'null') return failType(`${field}.parameters`, 'an object');
        draft.parameters = span.kind === 'object' ? span : null;
        const size = readSize(json, draft.parameters, this.#tail.length - this.used);
        if (size !== null && typeof size !== 'number') return size;
        draft.size = size;
        return span.end;
      }
      case 'data':
        if (span.kind !== 'array' && span.kind !== 'null') return failType(`${field}.data`, 'an array');
        draft.data = span.kind === 'null' ? null : span;
        return span.end;
      default:
        return this.kind === 'input' ? failUnsupported(`${field}.${key}`) : span.end;
    }
  }
}

function readShape(json: Buffer, span: Span, field: string): number[] | CodecFailure {
  const shape: number[] = [];
  const end = readElements(json, span.start, (at) => {
    const size = spanAt(json, at);
    const value = size === null ? null : readScalar(json, size);
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || shape.length === maxRank) return -1;
    shape.push(value);
    return size === null ? -1 : size.end;
  });
  if (end === span.end) return shape;
  const text = `The field "${field}" must be an array of at most ${maxRank} sizes, integers from 0 on.`;
  return fail('BAD_BODY', 'SHAPE', text);
}

/** The `binary_data_size` among parameters, at most `left` bytes; null for none. */
function readSize(json: Buffer, parameters: Span | null, left: number): number | null | CodecFailure {
  const span = findMember(json, parameters, 'binary_data_size');
  if (span === null) return null;
  const bytes = readScalar(json, span);
  if (typeof bytes === 'number' && Number.isSafeInteger(bytes) && bytes >= 0 && bytes <= left) return bytes;
  return fail('BAD_BODY', 'BINARY_LENGTH', 'A binary_data_size does not fit the bytes behind the JSON.');
}

/** The elements of a tensor, ready to be written as JSON; or the failure when its bytes do not fit its shape. */
export function openElements(json: Buffer, tensor: OipTensor): Elements | CodecFailure {
  const { raw, data, datatype, label, shape } = tensor;
  if (data !== null && datatype !== 'BOOL') return new JsonElements(json, data, label, shape);
  // Servers take 0 and 1 for booleans; where there is no datatype beside them they must not become numbers.
  const bytes = data === null ? (raw ?? json.subarray(0, 0)) : encodeElements(json, data, datatype, shape, label);
  if ('ok' in bytes) return bytes;
  return checkRaw(bytes, datatype, shape, label) ?? new RawElements(bytes, datatype, label, shape);
}
