import { type CodecFailure, fail } from '../codec-result.ts';
import { jsonHeaders } from './json-body.ts';
import { checkFiniteRows, readPredictions, readV1Request } from './kserve-v1-body.ts';
import { probeAnswer, statusAnswer } from './model-ready.ts';
import { answerJson, getFrom, postTo } from './requests.ts';
import type {
  TranslatableAnswer,
  TranslatableRequest,
  TranslatedAnswer,
  Translator,
  TranslatorSettings,
} from './translation.ts';
import { failOperation, failUnsupported } from './wording.ts';

/** Where a container of Vertex AI takes predictions, unless it is told another path. */
const predictPath = '/predict';

/** KServe V1 for a container of Vertex AI: the same body on another path. */
export const kserveV1ToVertex: Translator = (request, settings) => {
  const problem = checkInstances(request, settings);
  if (problem !== null) return problem;
  return { ok: true, method: 'POST', path: predictPath, headers: jsonHeaders, body: request.body, answer: answerAsIs };
};

/** Vertex AI for a server of KServe V1. */
export const vertexToKserveV1: Translator = (request, settings) => {
  if (request.operation === 'model-ready') return getFrom('kserve-v1', request, probeAnswer);
  const problem = checkInstances(request, settings);
  return problem ?? postTo('kserve-v1', request, { headers: jsonHeaders, body: request.body }, answerAsIs);
};

/**
 * KServe V1 for TF Serving, which has the same requests, reads NaN and Infinity, and has versions in its paths. A model is ready when TF Serving has a
 * version of it available.
 */
export const kserveV1ToTfserving: Translator = (request) => {
  if (request.operation === 'model-ready') return getFrom('tfserving', request, statusAnswer(request.model));
  if (request.operation !== 'infer') return failOperation(request.operation);
  return postTo('tfserving', request, { headers: jsonHeaders, body: request.body }, ({ body }) => answerJson(body));
};

function checkInstances(
  { operation, body }: TranslatableRequest,
  { isBetween }: TranslatorSettings,
): CodecFailure | null {
  if (operation !== 'infer') return failOperation(operation);
  const read = readV1Request(body);
  if (!read.ok) return read;
  if (read.field !== 'instances') {
    return failUnsupported('inputs', 'is not known to the other protocol; send "instances"');
  }
  return isBetween ? null : checkFiniteRows(body, read);
}

function answerAsIs({ body }: TranslatableAnswer): TranslatedAnswer | CodecFailure {
  const predictions = readPredictions(body);
  if ('ok' in predictions) return predictions;
  return predictions.kind === 'array'
    ? answerJson(body)
    : fail('BAD_BODY', 'WRONG_TYPE', 'The "predictions" must be an array.');
}
