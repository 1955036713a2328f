import type { InferencePath } from './inference-path.ts';
import { GET, GET_AND_HEAD, pathMeaning, POST } from './path-meaning.ts';

/**
 * Reads a path of an MLflow scoring server (mlflow, pyfunc/scoring_server), `/invocations`, `/ping`, `/health`,
 * `/version`, or of a SageMaker container, which has the first two alone. They name no model.
 */
export function parseMlflowPath(path: string, protocol: 'mlflow' | 'sagemaker'): InferencePath | null {
  if (path === '/invocations') return pathMeaning(protocol, 'infer', POST);
  if (path === '/ping') return pathMeaning(protocol, 'server-ready', GET_AND_HEAD);
  if (protocol === 'sagemaker') return null;
  if (path === '/health') return pathMeaning(protocol, 'server-ready', GET_AND_HEAD);
  return path === '/version' ? pathMeaning(protocol, 'server-metadata', GET) : null;
}
