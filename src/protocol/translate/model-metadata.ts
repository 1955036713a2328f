import type { Buffer } from 'node:buffer';

import { type CodecFailure, fail } from '../codec-result.ts';
import { readTensor } from '../grpc/infer-tensor.ts';
import { BYTES, FieldReader, readVarint, VARINT, WireWriter } from '../grpc/wire.ts';
import { readScalar } from '../json-scalar.ts';
import { skipValue, type Span } from '../json-scan.ts';
import type { JsonWriter } from '../json-writer.ts';
import { inferParameters, writeKnownParameters } from './infer-parameters.ts';
import { writeShape } from './infer-writer.ts';
import { finishBody, openTensor, startBody, writeText } from './json-body.ts';
import { failType, findMember, readElements, readRoot, spanAt } from './json-reader.ts';
import { failNotReady, readyJson } from './model-ready.ts';
import { answerMessage, answerWith } from './requests.ts';
import type { TranslatedAnswer } from './translation.ts';

/** ModelMetadataResponse; MLServer adds the parameters. */
const modelFields = { name: 1, versions: 2, platform: 3, inputs: 4, outputs: 5, parameters: 6 } as const;
/** TensorMetadata; MLServer adds the parameters. */
const tensorFields = { name: 1, datatype: 2, shape: 3, parameters: 4 } as const;

/** A ModelReadyResponse as `{"name", "ready"}`. That a model is not ready is a failure: REST says it by the status. */
export function readyToJson(message: Buffer, model: string): TranslatedAnswer | CodecFailure {
  let isReady = false;
  const field = new FieldReader(message);
  while (field.next()) if (field.number === 1 && field.type === VARINT) isReady = readVarint(message, field.from) !== 0;
  if (!field.isWell) return failMalformed();
  return isReady ? readyJson(model) : failNotReady();
}

/** The answer to a readiness request over REST as a ModelReadyResponse: ready unless its body says otherwise. */
export function readyToMessage(json: Buffer): TranslatedAnswer {
  const found: { ready: Span | null } = { ready: null };
  const problem = readRoot(json, (key, at) => {
    if (key === 'ready') found.ready = spanAt(json, at);
    return skipValue(json, at);
  });
  const isReady = problem !== null || found.ready === null || readScalar(json, found.ready) !== false;
  const message = new WireWriter(4);
  if (isReady) {
    message.tag(1, VARINT);
    message.varint(1);
  }
  return answerMessage(message.finish());
}

/** A ModelMetadataResponse as JSON. */
export function metadataToJson(message: Buffer): TranslatedAnswer | CodecFailure {
  const texts = { name: '', platform: '' };
  const versions: string[] = [];
  const tensors = { inputs: [] as number[], outputs: [] as number[] };
  const parameters: number[] = [];
  const field = new FieldReader(message);
  while (field.next()) {
    const { number, type, from, to } = field;
    if (type !== BYTES) continue;
    if (number === modelFields.name) texts.name = message.toString('utf8', from, to);
    else if (number === modelFields.platform) texts.platform = message.toString('utf8', from, to);
    else if (number === modelFields.versions) versions.push(message.toString('utf8', from, to));
    else if (number === modelFields.inputs) tensors.inputs.push(from, to);
    else if (number === modelFields.outputs) tensors.outputs.push(from, to);
    else if (number === modelFields.parameters) parameters.push(from, to);
  }
  if (!field.isWell) return failMalformed();
  const out = startBody();
  out.ascii('{"name":');
  writeText(out, texts.name);
  if (versions.length > 0) out.text(`,"versions":${JSON.stringify(versions)}`);
  out.ascii(',"platform":');
  writeText(out, texts.platform);
  if (!writeTensorList(out, message, 'inputs', tensors.inputs)) return failMalformed();
  if (!writeTensorList(out, message, 'outputs', tensors.outputs)) return failMalformed();
  const members = inferParameters(message, parameters);
  if (members !== '') out.text(`,"parameters":{${members}}`);
  out.byte(0x7d);
  return answerWith(finishBody(out));
}

function writeTensorList(out: JsonWriter, message: Buffer, key: string, places: readonly number[]): boolean {
  out.ascii(`,"${key}":[`);
  for (let i = 0; i < places.length; i += 2) {
    // TensorMetadata has its fields where the tensors of a request have them.
    const tensor = readTensor(message, places[i]!, places[i + 1]!);
    if (tensor === null) return false;
    if (i > 0) out.byte(0x2c);
    openTensor(out, tensor.name, tensor.shape, tensor.datatype);
    const members = inferParameters(message, tensor.parameters);
    if (members !== '') out.text(`,"parameters":{${members}}`);
    out.byte(0x7d);
  }
  out.byte(0x5d);
  return true;
}

/** The metadata of a model over REST as a ModelMetadataResponse; what it cannot hold is left out. */
export function metadataToMessage(json: Buffer, model: string): TranslatedAnswer | CodecFailure {
  const message = new WireWriter(json.length + 64);
  const found = new Map<string, Span>();
  const problem = readRoot(json, (key, at) => {
    const span = spanAt(json, at);
    if (span === null) return -1;
    if (span.kind !== 'null') found.set(key, span);
    return span.end;
  });
  if (problem !== null) return problem;
  const name = found.get('name');
  message.text(modelFields.name, name === undefined ? model : textOf(json, name));
  const versions = found.get('versions');
  if (versions !== undefined) {
    readElements(json, versions.start, (at) => {
      const span = spanAt(json, at);
      if (span === null) return -1;
      message.text(modelFields.versions, textOf(json, span));
      return span.end;
    });
  }
  const platform = found.get('platform');
  if (platform !== undefined) message.text(modelFields.platform, textOf(json, platform));
  for (const key of ['inputs', 'outputs'] as const) {
    const unreadable = writeTensorMessages(message, json, key, found.get(key));
    if (unreadable !== null) return unreadable;
  }
  const parameters = found.get('parameters');
  if (parameters?.kind === 'object') writeKnownParameters(message, modelFields.parameters, json, parameters);
  return answerMessage(message.finish());
}

function writeTensorMessages(
  message: WireWriter,
  json: Buffer,
  key: 'inputs' | 'outputs',
  tensors: Span | undefined,
): CodecFailure | null {
  if (tensors === undefined) return null;
  const end = readElements(json, tensors.start, (at, index) => {
    const span = spanAt(json, at);
    if (span === null) return -1;
    if (span.kind !== 'object') return failType(`${key}[${index}]`, 'an object');
    const tensor = new WireWriter(64);
    for (const part of ['name', 'datatype'] as const) {
      const text = findMember(json, span, part);
      if (text !== null) tensor.text(tensorFields[part], textOf(json, text));
    }
    const shape = findMember(json, span, 'shape');
    if (shape !== null) writeShape(tensor, tensorFields.shape, readSizes(json, shape));
    const parameters = findMember(json, span, 'parameters');
    if (parameters?.kind === 'object') writeKnownParameters(tensor, tensorFields.parameters, json, parameters);
    message.bytes(modelFields[key], tensor.finish());
    return span.end;
  });
  return typeof end === 'number' && end !== -1 ? null : failType(key, 'an array of objects');
}

/** Sizes of a shape; -1 for those that are not fixed, and for what is no integer. */
function readSizes(json: Buffer, shape: Span): number[] {
  const sizes: number[] = [];
  readElements(json, shape.start, (at) => {
    const span = spanAt(json, at);
    const size = span === null ? null : readScalar(json, span);
    sizes.push(typeof size === 'number' && Number.isSafeInteger(size) ? size : -1);
    return span === null ? -1 : span.end;
  });
  return sizes;
}

function textOf(json: Buffer, span: Span): string {
  const value = readScalar(json, span);
  return value === undefined || value === null ? '' : String(value);
}

function failMalformed(): CodecFailure {
  return fail('BAD_BODY', 'MALFORMED', 'The answer is not a well-formed message.');
}
