import { Buffer, isUtf8 } from 'node:buffer';

import { type CodecFailure, type CodecReason, fail } from '../codec-result.ts';
import { elementSizes } from '../element-sizes.ts';
import { entryFields, parameterFields, requestedFields, requestFields, tensorFields } from './infer-message.ts';
import { hasKey } from './parameters.ts';
import { contentsField, countPacked, elementType } from './typed-contents.ts';
import { BYTES, FieldReader, readVarint, VARINT, varintEnd } from './wire.ts';

const sharedMemory = Buffer.from('shared_memory_region');
const shownName = 64;

/**
 * What is wrong with a ModelInferRequest that no server can take, null for nothing: malformed bytes, names that are not
 * UTF-8, unknown datatypes, FP16 and BF16 in typed contents (they have none), typed and raw contents in one request, raw
 * contents for another number of tensors than there are, negative or too large shapes, and data that do not fit datatype
 * and shape. Tensors in shared memory (Triton) have no data of their own. One pass over the message; elements are
 * counted, not read.
 */
export function checkInferRequest(message: Buffer): CodecFailure | null {
  return new RequestCheck(message).run();
}

class RequestCheck {
  readonly #message: Buffer;
  #problem: CodecFailure | null = null;
  /** For each tensor that has its data in raw contents or nowhere: its place, width and elements in turn. */
  readonly #bare: number[] = [];
  /** The first tensor with typed contents. */
  #typedAt = -1;
  #typedEnd = 0;
  /** Begin and end of raw contents in turn. */
  readonly #raws: number[] = [];

  constructor(message: Buffer) {
    this.#message = message;
  }

  run(): CodecFailure | null {
    const field = new FieldReader(this.#message);
    while (this.#problem === null && field.next()) {
      if (field.type === BYTES) this.#field(field.number, field.from, field.to);
    }
    if (!field.isWell) this.#malformed('The request');
    if (this.#problem === null) this.#contents();
    return this.#problem;
  }

  #field(number: number, from: number, to: number): void {
    switch (number) {
      case requestFields.modelName:
        return this.#text(from, to, 'The name of the model');
      case requestFields.modelVersion:
        return this.#text(from, to, 'The version of the model');
      case requestFields.id:
        return this.#text(from, to, 'The id of the request');
      case requestFields.parameters:
        return this.#parameter(from, to);
      case requestFields.inputs:
        return this.#input(from, to);
      case requestFields.outputs:
        return this.#requested(from, to);
      case requestFields.rawContents:
        this.#raws.push(from, to);
        return undefined;
      default:
        return undefined;
    }
  }

  #input(start: number, end: number): void {
    const message = this.#message;
    let datatypeFrom = 0;
    let datatypeTo = 0;
    let elements = 1;
    let isEmpty = false;
    let isShared = false;
    let hasContents = false;
    const field = new FieldReader(message, start, end);
    while (this.#problem === null && field.next()) {
      const { number, type, from, to } = field;
      if (number === tensorFields.shape && (type === BYTES || type === VARINT)) {
        for (let at = from; at < to;) {
          const next = varintEnd(message, at, to);
          if (next === -1) return this.#malformed(this.#tensor(start, end));
          const dimension = readVarint(message, at);
          if (dimension === 0) isEmpty = true;
          else elements *= dimension;
          // Negative dimensions are the largest ones when they are read without their sign.
          if (elements > Number.MAX_SAFE_INTEGER) {
            return this.#fail('SHAPE', `${this.#tensor(start, end)} has a shape that is negative or too large.`);
          }
          at = next;
        }
      } else if (type !== BYTES) continue;
      else if (number === tensorFields.name) this.#text(from, to, 'The name of an input tensor');
      else if (number === tensorFields.datatype) [datatypeFrom, datatypeTo] = [from, to];
      // MLServer's own client writes empty contents beside raw ones.
      else if (number === tensorFields.contents) hasContents ||= to > from;
      else if (number === tensorFields.parameters) {
        this.#parameter(from, to);
        isShared ||= hasKey(message, from, to, sharedMemory);
      }
    }
    if (!field.isWell) return this.#malformed(this.#tensor(start, end));
    if (this.#problem !== null) return undefined;
    const datatype = message.toString('latin1', datatypeFrom, Math.min(datatypeTo, datatypeFrom + 16));
    const width = elementSizes.get(datatype);
    if (width === undefined) return this.#unknownDatatype(start, end, datatypeFrom, datatypeTo);
    if (isEmpty) elements = 0;
    if (hasContents) {
      if (this.#typedAt === -1) [this.#typedAt, this.#typedEnd] = [start, end];
      return this.#typed(start, end, datatype, elements);
    }
    if (!isShared) this.#bare.push(start, end, width, elements);
    return undefined;
  }

  /** Counts the elements in the contents of a tensor. */
  #typed(start: number, end: number, datatype: string, elements: number): void {
    const message = this.#message;
    const wanted = contentsField(datatype);
    if (wanted === 0) {
      const text = `${this.#tensor(start, end)} has the datatype ${datatype}, which only raw_input_contents can carry.`;
      return this.#fail('DATATYPE', text);
    }
    const type = elementType(wanted);
    let count = 0;
    let bytes = 0;
    const field = new FieldReader(message, start, end);
    while (field.next()) {
      if (field.number !== tensorFields.contents || field.type !== BYTES) continue;
      const inner = new FieldReader(message, field.from, field.to);
      while (inner.next()) {
        const { number, from, to } = inner;
        const own = elementType(number);
        if (own === -1 || (inner.type !== own && inner.type !== BYTES)) continue;
        const more = inner.type === own ? 1 : countPacked(message, from, to, own);
        if (more === -1) return this.#malformed(this.#tensor(start, end));
        if (more > 0 && number !== wanted) {
          return this.#fail(
            'DATATYPE',
            `${this.#tensor(start, end)} has contents of another datatype than ${datatype}.`,
          );
        }
        count += more;
        if (type === BYTES) bytes += to - from;
      }
      if (!inner.isWell) return this.#malformed(this.#tensor(start, end));
    }
    // Examples of MLServer state the number of bytes as the shape of one text.
    if (count === elements || (type === BYTES && count === 1 && bytes === elements)) return undefined;
    return this.#count(start, end, `${count} elements`, elements);
  }

  /** What can only be said when all fields were seen: raw contents may come before the tensors. */
  #contents(): void {
    const bare = this.#bare;
    const raws = this.#raws.length / 2;
    if (raws === 0) {
      for (let i = 0; i < bare.length && this.#problem === null; i += 4) {
        if (bare[i + 3]! > 0) this.#count(bare[i]!, bare[i + 1]!, 'no data', bare[i + 3]!);
      }
      return;
    }
    if (this.#typedAt !== -1) {
      const tensor = this.#tensor(this.#typedAt, this.#typedEnd);
      return this.#fail('MIXED_CONTENTS', `${tensor} has contents of its own although there are raw_input_contents.`);
    }
    if (bare.length / 4 !== raws) {
      const text = `There are ${raws} raw_input_contents for ${bare.length / 4} input tensors; send one for each.`;
      return this.#fail('RAW_COUNT', text);
    }
    for (let i = 0; i < raws && this.#problem === null; i++) {
      this.#raw(bare, 4 * i, this.#raws[2 * i]!, this.#raws[2 * i + 1]!);
    }
  }

  #raw(bare: readonly number[], at: number, from: number, to: number): void {
    const [start, end, width, elements] = [bare[at]!, bare[at + 1]!, bare[at + 2]!, bare[at + 3]!];
    if (width > 0) {
      if (to - from !== width * elements) this.#count(start, end, `${to - from} bytes of raw contents`, elements);
      return;
    }
    let count = 0;
    let position = from;
    while (position + 4 <= to) {
      position += 4 + this.#message.readUInt32LE(position);
      count++;
    }
    if (position !== to) {
      const text = `${this.#tensor(start, end)} has raw contents that are not lengths and bytes in turn.`;
      return this.#fail('BINARY_DATA', text);
    }
    if (count !== elements) this.#count(start, end, `${count} elements`, elements);
    return undefined;
  }

  #requested(start: number, end: number): void {
    const field = new FieldReader(this.#message, start, end);
    while (this.#problem === null && field.next()) {
      if (field.type !== BYTES) continue;
      if (field.number === requestedFields.name) this.#text(field.from, field.to, 'The name of an output');
      else if (field.number === requestedFields.parameters) this.#parameter(field.from, field.to);
    }
    if (!field.isWell) this.#malformed('A requested output');
  }

  #parameter(start: number, end: number): void {
    const message = this.#message;
    const field = new FieldReader(message, start, end);
    while (this.#problem === null && field.next()) {
      if (field.type !== BYTES) continue;
      if (field.number === entryFields.key) this.#text(field.from, field.to, 'The key of a parameter');
      else if (field.number === entryFields.value) {
        const value = new FieldReader(message, field.from, field.to);
        while (this.#problem === null && value.next()) {
          if (value.number !== parameterFields.string || value.type !== BYTES) continue;
          this.#text(value.from, value.to, 'The text of a parameter');
        }
        if (!value.isWell) this.#malformed('A parameter');
      }
    }
    if (!field.isWell) this.#malformed('A parameter');
  }

  #text(from: number, to: number, what: string): void {
    const message = this.#message;
    for (let i = from; i < to; i++) {
      if (message[i]! < 0x80) continue;
      if (!isUtf8(message.subarray(i, to))) this.#fail('NOT_UTF8', `${what} is not valid UTF-8.`);
      return;
    }
  }

  #unknownDatatype(start: number, end: number, from: number, to: number): void {
    const datatype = JSON.stringify(this.#message.toString('latin1', from, Math.min(to, from + shownName)));
    const known = [...elementSizes.keys()].join(', ');
    this.#fail('DATATYPE', `${this.#tensor(start, end)} has the datatype ${datatype}; these are known: ${known}.`);
  }

  #count(start: number, end: number, has: string, elements: number): void {
    this.#fail('ELEMENT_COUNT', `${this.#tensor(start, end)} has ${has}, and its shape has ${elements} elements.`);
  }

  #malformed(what: string): void {
    this.#fail('MALFORMED', `${what} is not a well-formed protobuf message.`);
  }

  #fail(reason: CodecReason, text: string): void {
    this.#problem ??= fail('BAD_BODY', reason, text);
  }

  /** Names the tensor in `[start, end)` for messages. */
  #tensor(start: number, end: number): string {
    let name = '';
    const field = new FieldReader(this.#message, start, end);
    while (field.next()) {
      if (field.number !== tensorFields.name || field.type !== BYTES) continue;
      name = this.#message.toString('utf8', field.from, Math.min(field.to, field.from + shownName));
    }
    return `The input tensor ${JSON.stringify(name)}`;
  }
}
