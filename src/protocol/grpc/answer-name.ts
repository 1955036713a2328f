import type { Buffer } from 'node:buffer';

import type { GrpcProtocol, Operation } from '../../core/facts.ts';
import { editMessages } from './edit-messages.ts';
import type { GrpcMethod } from './methods.ts';
import { renameStringField } from './string-field.ts';

/** Numbers of the fields on the way to a text in a message, the text's own last. */
export type NamePath = readonly number[];

/** The message is the document that is named, or has it, or several, in field 1. */
const itself: NamePath = [1];
const inside: NamePath = [1, 1];
/** Of PredictResponse, ClassificationResponse and RegressionResponse: ModelSpec in field 2. */
const behindResult: NamePath = [2, 1];
/** Of MultiInferenceResponse: ModelSpec in field 1 of every result in field 1. */
const inResults: NamePath = [1, 1, 1];

const paths: Partial<Record<GrpcProtocol, Partial<Record<Operation, NamePath>>>> = {
  'oip-grpc': {
    infer: itself,
    'model-metadata': itself,
    'model-config': inside,
    'model-stats': inside,
    // KServe says what it loaded.
    'model-load': itself,
    'model-unload': itself,
  },
  'tfserving-grpc': {
    infer: behindResult,
    classify: behindResult,
    regress: behindResult,
    'model-metadata': inside,
  },
  'seldon-v1-grpc': { 'model-metadata': itself },
};

/** Where the one message that answers a call names the model, by the `.proto` files; null when it does not. */
export function answerNamePath({ protocol, operation, place }: GrpcMethod): NamePath | null {
  if (place.kind === 'model-spec' && place.isInTasks) return inResults;
  return paths[protocol]?.[operation] ?? null;
}

/**
 * The message with `to` in every text at the path that is `from`; every other byte stays. The same buffer comes back when
 * nothing changes, or the message is malformed.
 */
export function renameAt(message: Buffer, path: NamePath, from: string, to: string): Buffer {
  const [field, ...rest] = path;
  if (field === undefined) return message;
  if (rest.length === 0) return renameStringField(message, field, from, to);
  return editMessages(message, field, (inner) => renameAt(inner, rest, from, to));
}
