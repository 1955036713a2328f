import type { Buffer } from 'node:buffer';

import type { CodecFailure } from '../codec-result.ts';
import { requestFields } from '../grpc/infer-message.ts';
import { checkInferRequest } from '../grpc/infer-request.ts';
import { WireWriter } from '../grpc/wire.ts';
import type { JsonWriter } from '../json-writer.ts';
import { type InferDocument, readInferMessage } from './infer-document.ts';
import { checkJsonParameters, writeJsonParameters, writeJsonTensors } from './infer-json.ts';
import { writeKnownParameters } from './infer-parameters.ts';
import { writeNames, writeTensors } from './infer-writer.ts';
import { finishBody, startBody, writeText } from './json-body.ts';
import { metadataToMessage, readyToMessage } from './model-metadata.ts';
import { readOipAnswer } from './oip-document.ts';
import { answerMessage, getFrom, postTo } from './requests.ts';
import type {
  TranslatableAnswer,
  TranslatableRequest,
  TranslatedAnswer,
  TranslatedRequest,
  Translator,
  TranslatorSettings,
} from './translation.ts';
import { failOperation } from './wording.ts';

/** What the answer needs of the request. */
interface Asked {
  readonly model: string;
  readonly id: string;
  readonly isRaw: boolean;
}

/**
 * The Open Inference Protocol from gRPC to REST. Data are sent as JSON, which every server reads; what JSON cannot carry
 * (FP16, BF16, NaN, infinities, BYTES that are not UTF-8) behind it, where the server reads that. Outputs come back in raw
 * contents when the request has them, or one is binary.
 */
export const grpcToOip: Translator = (request, settings) => {
  const { operation, model } = request;
  if (operation === 'infer') return translateInfer(request, settings);
  if (operation === 'model-metadata') return getFrom('oip', request, (answer) => metadataToMessage(answer.body, model));
  if (operation === 'model-ready') return getFrom('oip', request, (answer) => readyToMessage(answer.body));
  return failOperation(operation);
};

function translateInfer(
  request: TranslatableRequest,
  { binary }: TranslatorSettings,
): TranslatedRequest | CodecFailure {
  const problem = checkInferRequest(request.body);
  if (problem !== null) return problem;
  const read = readInferMessage(request.body, 'input');
  if (!read.ok) return read;
  const unfit = checkJsonParameters(read);
  if (unfit !== null) return unfit;
  const out = startBody();
  out.byte(0x7b);
  if (read.id !== '') {
    out.ascii('"id":');
    writeText(out, read.id);
    out.byte(0x2c);
  }
  out.ascii('"inputs":[');
  const tail: Buffer[] = [];
  const unwritable = writeJsonTensors(out, read, 'input', () => false, binary ? tail : null);
  if (unwritable !== null) return unwritable;
  out.byte(0x5d);
  writeJsonParameters(out, request.body, read.parameters);
  writeRequested(out, read);
  out.byte(0x7d);
  const asked: Asked = { model: request.model, id: read.id, isRaw: read.raws.length > 0 };
  return postTo('oip', request, finishBody(out, tail), (answer) => inferToMessage(answer, asked));
}

function writeRequested(out: JsonWriter, { message, requested }: InferDocument): void {
  for (const [i, { name, parameters }] of requested.entries()) {
    out.ascii(i === 0 ? ',"outputs":[{"name":' : ',{"name":');
    writeText(out, name);
    writeJsonParameters(out, message, parameters);
    out.byte(0x7d);
  }
  if (requested.length > 0) out.byte(0x5d);
}

function inferToMessage(
  { body, inferenceHeaderLength }: TranslatableAnswer,
  asked: Asked,
): TranslatedAnswer | CodecFailure {
  const read = readOipAnswer(body, inferenceHeaderLength);
  if (!read.ok) return read;
  const message = new WireWriter(body.length + 256);
  writeNames(message, read.model === '' ? asked.model : read.model, read.version, read.id === '' ? asked.id : read.id);
  writeKnownParameters(message, requestFields.parameters, read.json, read.parameters);
  const problem = writeTensors(message, read, asked.isRaw);
  return problem ?? answerMessage(message.finish());
}
