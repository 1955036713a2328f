import type { Buffer } from 'node:buffer';

import { type CodecFailure, fail } from '../codec-result.ts';
import type { JsonWriter } from '../json-writer.ts';
import type { Span } from '../json-scan.ts';
import { checkRaw, isBinaryOnly } from './datatypes.ts';
import { finishBody, startBody, writeMember, writeTensor, writeText } from './json-body.ts';
import { checkFinite, failBeyondJson, whyBeyondJson } from './json-form.ts';
import { findMember, readMembers, spanAt } from './json-reader.ts';
import { readPredictions } from './kserve-v1-body.ts';
import { type RowSource, writeRows } from './nested-rows.ts';
import { type OipDocument, readOipRequest } from './oip-document.ts';
import { openElements, type OipTensor } from './oip-tensors.ts';
import { isBinaryWanted, readWantedBinary, type WantedBinary, writeRawTensor } from './oip-writer.ts';
import { checkElements, encodeElements } from './raw-from-json.ts';
import { readyAnswer } from './model-ready.ts';
import { answerWith, getFrom, postTo } from './requests.ts';
import { answerDatatype } from './row-datatype.ts';
import { eachRowTensor } from './row-tensors.ts';
import type { TranslatableAnswer, TranslatedAnswer, Translator, TranslatorSettings } from './translation.ts';
import { failOperation, failUnknownOutput, failUnsupported, shown } from './wording.ts';

/** What the answer needs of the request. */
interface Asked {
  readonly model: string;
  readonly version: string;
  readonly id: string;
  /** Empty for all outputs. */
  readonly names: readonly string[];
  readonly binary: WantedBinary;
}

/** An output of the answer; its elements flat, with commas between. */
interface Output {
  readonly shape: readonly number[];
  readonly datatype: string;
  readonly data: Buffer;
  readonly isFinite: boolean;
}

/** The output of rows that have no names, when the client asks for none by name. */
const UNNAMED = 'predict';

/** Hints of MLServer's that say nothing which the JSON of V1 does not say itself. */
const plainContentTypes: readonly string[] = ['np', 'pd', 'str', 'dict'];

/**
 * A request of the Open Inference Protocol as KServe V1 `{"instances": rows}`: one input is rows nested by its shape,
 * several are objects with the row of each. The predictions come back as outputs. A model is asked whether it is ready.
 */
export const oipToKserveV1: Translator = (request, settings) => {
  if (request.operation === 'model-ready') return getFrom('kserve-v1', request, readyAnswer(request.model));
  if (request.operation !== 'infer') return failOperation(request.operation);
  const read = readOipRequest(request);
  if (!read.ok) return read;
  const problem =
    checkOutputs(read) ?? (settings.isBetween ? null : checkFinite(read.json, read.parameters, 'field "parameters"'));
  if (problem !== null) return problem;
  const sources: RowSource[] = [];
  for (const tensor of read.tensors) {
    const source = rowSource(read.json, tensor, settings);
    if ('ok' in source) return source;
    sources.push(source);
  }
  const out = startBody();
  out.ascii('{"instances":');
  const unwritable = writeRows(out, sources, isTable(read)) ?? writeParameters(out, read.json, read.parameters);
  if (unwritable !== null) return unwritable;
  out.byte(0x7d);
  const { model, version } = request;
  const names = read.requested.map(({ name }) => name);
  const asked: Asked = { model, version, id: read.id, names, binary: readWantedBinary(read) };
  return postTo('kserve-v1', request, finishBody(out), (answer) => answerInTensors(answer, asked, settings));
};

function rowSource(json: Buffer, tensor: OipTensor, { isBetween }: TranslatorSettings): RowSource | CodecFailure {
  const { name, label, shape, parameters } = tensor;
  const problem = eachParameter(json, parameters, (key, span) => {
    if (key === 'binary_data_size') return null;
    const isPlain = key === 'content_type' && plainContentTypes.some((type) => isText(json, span, type));
    return isPlain ? null : failUnsupported(`parameters.${key}`, `of the ${label} has no translation; leave it out`);
  });
  if (problem !== null) return problem;
  const unfit = checkJsonForm(json, tensor, isBetween === true);
  if (unfit !== null) return unfit;
  const elements = openElements(json, tensor);
  return 'ok' in elements ? elements : { name, label, shape, elements };
}

/** The failure for elements that do not fit their datatype, or that JSON cannot carry; between translators it may. */
function checkJsonForm(
  json: Buffer,
  { data, raw, datatype, shape, label }: OipTensor,
  isBetween: boolean,
): CodecFailure | null {
  if (data !== null) {
    const unfit = checkElements(json, data, datatype, shape, label);
    return unfit ?? (isBetween || datatype === 'BYTES' ? null : checkFinite(json, data, label));
  }
  const bytes = raw ?? json.subarray(0, 0);
  const unfit = checkRaw(bytes, datatype, shape, label);
  if (unfit !== null) return unfit;
  const why = whyBeyondJson(bytes, datatype);
  return why === null || (isBetween && !isBinaryOnly(datatype)) ? null : failBeyondJson(label, why);
}

/** Whether the client says by MLServer's hint that its inputs are columns, so that one of them has a name as well. */
function isTable({ json, parameters }: OipDocument): boolean {
  const hint = findMember(json, parameters, 'content_type');
  return hint !== null && (isText(json, hint, 'pd') || isText(json, hint, 'dict'));
}

/** Outputs may be asked for by name, in the binary form or not; more cannot be kept. */
function checkOutputs({ json, requested }: OipDocument): CodecFailure | null {
  const names = new Set<string>();
  for (const { name, parameters } of requested) {
    if (names.has(name)) return fail('BAD_BODY', 'DUPLICATE_TENSOR', `The output ${shown(name)} is asked for twice.`);
    names.add(name);
    const problem = eachParameter(json, parameters, (key) =>
      key === 'binary_data'
        ? null
        : failUnsupported(`parameters.${key}`, `of the output ${shown(name)} has no translation; leave it out`),
    );
    if (problem !== null) return problem;
  }
  return null;
}

function writeParameters(out: JsonWriter, json: Buffer, parameters: Span | null): CodecFailure | null {
  let count = 0;
  eachParameter(json, parameters, (key, { start, end }) => {
    // These are about the form of the body.
    if (key === 'binary_data_output' || key === 'content_type') return null;
    out.ascii(count++ === 0 ? ',"parameters":{' : ',');
    writeText(out, key);
    out.byte(0x3a);
    out.raw(json.subarray(start, end));
    return null;
  });
  if (count > 0) out.byte(0x7d);
  return null;
}

function eachParameter(
  json: Buffer,
  parameters: Span | null,
  visit: (key: string, span: Span) => CodecFailure | null,
): CodecFailure | null {
  if (parameters === null) return null;
  const end = readMembers(json, parameters.start, (key, at) => {
    const span = spanAt(json, at);
    if (span === null) return -1;
    // Null counts as absent.
    return span.kind === 'null' ? span.end : (visit(key, span) ?? span.end);
  });
  return typeof end === 'number' ? null : end;
}

function isText(json: Buffer, { start, end }: Span, text: string): boolean {
  return json.toString('latin1', start, end) === `"${text}"`;
}

function answerInTensors(
  { body }: TranslatableAnswer,
  asked: Asked,
  settings: TranslatorSettings,
): TranslatedAnswer | CodecFailure {
  const predictions = readPredictions(body);
  if ('ok' in predictions) return predictions;
  const written: Buffer[] = [];
  const outputs = new Map<string, Output>();
  const problem = eachRowTensor(body, predictions, 'predictions', (key, tensor) => {
    const name = key === '' ? (asked.names[0] ?? UNNAMED) : key;
    const data = tensor.takeData();
    const rows = { tensor, data, label: `output ${shown(name)}` };
    const datatype = answerDatatype(rows, key === '' ? UNNAMED : key, settings);
    if (typeof datatype !== 'string') return datatype;
    const output = { shape: tensor.shape, datatype, data, isFinite: tensor.isFinite };
    outputs.set(name, output);
    // No rows are rows of every output.
    if (key === '' && tensor.shape[0] === 0) for (const name of asked.names) outputs.set(name, output);
    return null;
  });
  if (problem !== null) return problem;
  const out = startBody();
  out.ascii('{"model_name":');
  writeText(out, asked.model);
  writeMember(out, 'model_version', asked.version);
  writeMember(out, 'id', asked.id);
  out.ascii(',"outputs":[');
  for (const [i, name] of (asked.names.length > 0 ? asked.names : [...outputs.keys()]).entries()) {
    if (i > 0) out.byte(0x2c);
    const output = outputs.get(name);
    if (output === undefined) return failUnknownOutput(name, [...outputs.keys()]);
    const label = `output ${shown(name)}`;
    const { shape, datatype, data, isFinite } = output;
    // What JSON cannot carry comes in the binary form to whoever asks.
    if (isFinite && !isBinaryWanted(asked.binary, name)) {
      writeTensor(out, name, shape, datatype, data);
      continue;
    }
    const raw = encodeElements(data, { start: 0, end: data.length, kind: 'array' }, datatype, shape, label);
    if ('ok' in raw) return raw;
    const unwritable = writeRawTensor(out, { name, label, datatype, shape, raw }, '', written);
    if (unwritable !== null) return unwritable;
  }
  out.ascii(']}');
  return answerWith(finishBody(out, written));
}
