import type { Buffer } from 'node:buffer';

import type { CodecFailure } from '../codec-result.ts';
import { requestedFields, requestFields } from '../grpc/infer-message.ts';
import { WireWriter } from '../grpc/wire.ts';
import { readInferMessage } from './infer-document.ts';
import { writeJsonParameters, writeJsonTensors } from './infer-json.ts';
import { writeInferParameters } from './infer-parameters.ts';
import { writeNames, writeTensors } from './infer-writer.ts';
import { finishBody, startBody, writeMember, writeText } from './json-body.ts';
import { metadataToJson, readyToJson } from './model-metadata.ts';
import { type OipDocument, readOipRequest } from './oip-document.ts';
import { isBinaryWanted, readWantedBinary, type WantedBinary } from './oip-writer.ts';
import { answerWith, callMethod } from './requests.ts';
import type {
  TranslatableAnswer,
  TranslatableRequest,
  TranslatedAnswer,
  TranslatedRequest,
  Translator,
} from './translation.ts';
import { failNoModel, failOperation } from './wording.ts';

/**
 * The Open Inference Protocol from REST to gRPC. JSON data become typed contents, binary ones raw contents; outputs come
 * back as JSON, or in the binary form where the request wants it, and always when JSON cannot carry them: FP16, BF16, NaN,
 * infinities, and BYTES that are not UTF-8.
 */
export const oipToGrpc: Translator = (request) => {
  const { operation, model, version } = request;
  if (operation !== 'infer' && operation !== 'model-metadata' && operation !== 'model-ready') {
    return failOperation(operation);
  }
  if (model === '') return failNoModel();
  if (operation === 'infer') return translateInfer(request);
  const message = new WireWriter(64);
  writeNames(message, model, version, '');
  return operation === 'model-ready'
    ? callMethod('ModelReady', message.finish(), (answer) => readyToJson(answer.body, model))
    : callMethod('ModelMetadata', message.finish(), (answer) => metadataToJson(answer.body));
};

function translateInfer(request: TranslatableRequest): TranslatedRequest | CodecFailure {
  const { body, model, version } = request;
  const read = readOipRequest(request);
  if (!read.ok) return read;
  const message = new WireWriter(body.length + 256);
  writeNames(message, model, version, read.id);
  const problem =
    writeInferParameters(message, requestFields.parameters, read.json, read.parameters, 'binary_data_output') ??
    writeTensors(message, read, false) ??
    writeRequested(message, read);
  if (problem !== null) return problem;
  const wanted = readWantedBinary(read);
  return callMethod('ModelInfer', message.finish(), (answer) => inferToJson(answer, wanted));
}

function writeRequested(message: WireWriter, { json, requested }: OipDocument): CodecFailure | null {
  for (const [i, { name, parameters }] of requested.entries()) {
    const output = new WireWriter(64);
    output.text(requestedFields.name, name);
    const where = `outputs[${i}].`;
    const problem = writeInferParameters(output, requestedFields.parameters, json, parameters, 'binary_data', where);
    if (problem !== null) return problem;
    message.bytes(requestFields.outputs, output.finish());
  }
  return null;
}

function inferToJson({ body }: TranslatableAnswer, wanted: WantedBinary): TranslatedAnswer | CodecFailure {
  const read = readInferMessage(body, 'output');
  if (!read.ok) return read;
  const out = startBody();
  out.ascii('{"model_name":');
  writeText(out, read.model);
  writeMember(out, 'model_version', read.version);
  writeMember(out, 'id', read.id);
  writeJsonParameters(out, body, read.parameters);
  out.ascii(',"outputs":[');
  const tail: Buffer[] = [];
  const problem = writeJsonTensors(out, read, 'output', (name) => isBinaryWanted(wanted, name), tail);
  if (problem !== null) return problem;
  out.ascii(']}');
  return answerWith(finishBody(out, tail));
}
