import type { Operation, Protocol } from '../core/facts.ts';

/** Where the answer to an operation names the model. */
export interface AnswerNames {
  /** Keys of the outermost object whose value is the name. */
  readonly keys: readonly string[];
  /** A member of it, an object, whose members by `keys` are the name too; null for none. */
  readonly inside: string | null;
  /** A member of it, an array of objects, whose members by `keys` are the name; null for none. */
  readonly list: string | null;
}

const modelName = names(['model_name']);
const name = names(['name']);
const model = names(['model']);

const places: Partial<Record<Protocol, Partial<Record<Operation, AnswerNames>>>> = {
  oip: {
    infer: modelName,
    'infer-stream': modelName,
    generate: modelName,
    'generate-stream': modelName,
    'model-metadata': name,
    'model-ready': name,
    'model-config': name,
    'model-stats': { ...name, list: 'model_stats' },
  },
  'kserve-v1': { 'model-ready': name },
  tfserving: { 'model-metadata': { ...name, inside: 'model_spec' } },
  'seldon-v1': { 'model-metadata': name },
  openai: {
    chat: model,
    completions: model,
    // Its events hold the response as it is by then.
    responses: { ...model, inside: 'response' },
    embeddings: model,
    rerank: model,
  },
};

/**
 * Where the JSON of an answer names the model, whole or as the data of events, by the documents of its protocol; null when
 * it does not, as in the answers to predictions of KServe V1, TF Serving and MLflow.
 */
export function answerNames(protocol: Protocol, operation: Operation): AnswerNames | null {
  return places[protocol]?.[operation] ?? null;
}

function names(keys: readonly string[]): AnswerNames {
  return { keys, inside: null, list: null };
}
