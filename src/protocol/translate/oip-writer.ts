import type { Buffer } from 'node:buffer';

import type { CodecFailure } from '../codec-result.ts';
import type { Span } from '../json-scan.ts';
import type { JsonWriter } from '../json-writer.ts';
import { readScalar } from '../json-scalar.ts';
import { checkRaw, countElements } from './datatypes.ts';
import { RawElements } from './elements.ts';
import { openTensor } from './json-body.ts';
import { findMember } from './json-reader.ts';
import type { OipDocument } from './oip-document.ts';

/** Which outputs of its answer a request wants in the binary form. */
export interface WantedBinary {
  readonly isDefault: boolean;
  readonly byName: ReadonlyMap<string, boolean>;
}

/** Reads `parameters.binary_data_output` of the request and `parameters.binary_data` of the outputs, which counts more. */
export function readWantedBinary({ json, parameters, requested }: OipDocument): WantedBinary {
  const byName = new Map<string, boolean>();
  for (const output of requested) {
    const wanted = readFlag(json, output.parameters, 'binary_data');
    if (wanted !== null) byName.set(output.name, wanted);
  }
  return { isDefault: readFlag(json, parameters, 'binary_data_output') ?? false, byName };
}

/** Whether the output of this name is wanted in the binary form. */
export function isBinaryWanted({ isDefault, byName }: WantedBinary, name: string): boolean {
  return byName.get(name) ?? isDefault;
}

function readFlag(json: Buffer, parameters: Span | null, name: string): boolean | null {
  const span = findMember(json, parameters, name);
  return span?.kind === 'boolean' ? readScalar(json, span) === true : null;
}

/** A tensor with its elements in the binary form. */
export interface RawTensor {
  readonly name: string;
  readonly label: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly raw: Buffer;
}

/**
 * Writes a tensor; its elements as JSON, or to `tail`. `parameters` are those besides `binary_data_size`, as the members
 * of an object. Fails when bytes and shape disagree, and for elements that JSON cannot carry.
 */
export function writeRawTensor(
  out: JsonWriter,
  { name, label, datatype, shape, raw }: RawTensor,
  parameters: string,
  tail: Buffer[] | null,
): CodecFailure | null {
  const problem = checkRaw(raw, datatype, shape, label);
  if (problem !== null) return problem;
  openTensor(out, name, shape, datatype);
  if (tail !== null) {
    tail.push(raw);
    out.text(`,"parameters":{"binary_data_size":${raw.length}${parameters === '' ? '' : `,${parameters}`}}}`);
    return null;
  }
  if (parameters !== '') out.text(`,"parameters":{${parameters}}`);
  out.ascii(',"data":[');
  const unwritable = new RawElements(raw, datatype, label, shape).write(out, countElements(shape));
  out.ascii(']}');
  return unwritable;
}
