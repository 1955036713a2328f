import type { HttpProtocol, Operation, Protocol } from '../../core/facts.ts';
import { parseV1Path, writeV1Path } from './kserve-v1.ts';
import { parseMlflowPath } from './mlflow.ts';
import { parseOipPath, writeOipPath } from './oip.ts';
import { parseOpenAiPath } from './openai.ts';
import { parseRayServePath } from './ray-serve.ts';
import { parseSeldonV1Path } from './seldon-v1.ts';
import { parseTfServingPath, writeTfServingPath } from './tfserving.ts';

/** What a path of any protocol asks for; names are decoded, `''` where the path names none. */
export interface InferencePath {
  readonly protocol: Protocol;
  readonly operation: Operation;
  readonly model: string;
  readonly version: string;
  /** Whether the version is a label, which the model server resolves (TF Serving). */
  readonly isLabel: boolean;
  /** The methods that the operation takes, at least one. */
  readonly methods: readonly string[];
}

/**
 * Reads a path (no query, any prefix removed) of one of the HTTP protocols, or null; with `only`, of that protocol
 * alone. Of paths that two protocols share, `/v1/models/...:predict` and what else KServe V1 has is `kserve-v1` unless
 * `only` says otherwise, and `/invocations` is `mlflow`. Nothing is read where a name could mean another path to a server
 * behind, see `decodeName`. Vertex AI has no path but the configured one, so `only: 'vertex'` reads none.
 */
export function parseInferencePath(path: string, only?: HttpProtocol): InferencePath | null {
  switch (only) {
    case 'oip':
    case 'triton':
      return parseOipPath(path);
    case 'kserve-v1':
      return parseV1Path(path);
    case 'tfserving':
      return parseTfServingPath(path);
    case 'mlflow':
    case 'sagemaker':
      return parseMlflowPath(path, only);
    case 'seldon-v1':
      return parseSeldonV1Path(path);
    case 'openai':
      return parseOpenAiPath(path, true);
    case 'ray-serve':
      return parseRayServePath(path);
    case 'vertex':
      return null;
    default:
      return (
        parseOipPath(path) ??
        parseV1Path(path) ??
        parseTfServingPath(path) ??
        parseOpenAiPath(path, false) ??
        parseMlflowPath(path, 'mlflow') ??
        parseSeldonV1Path(path)
      );
  }
}

/** Whether a path asks about all models of a server at once; to another name it has no other form. */
export function isAboutAll({ operation, model }: InferencePath): boolean {
  return model === '' && (operation === 'model-stats' || operation === 'trace-setting');
}

/**
 * Writes the path of the same operation with other names, percent-encoded; `''` for no version. Null when the path of the
 * operation names no model, or a name cannot stand in a path.
 */
export function writeInferencePath(path: InferencePath, model: string, version: string): string | null {
  switch (path.protocol) {
    case 'oip':
      return writeOipPath(path, model, version);
    case 'kserve-v1':
      return writeV1Path(path, model, version);
    case 'tfserving':
      return writeTfServingPath(path, model, version);
    default:
      return null;
  }
}
