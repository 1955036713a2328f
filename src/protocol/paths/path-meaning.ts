import type { HttpProtocol, Operation } from '../../core/facts.ts';
import type { InferencePath } from './inference-path.ts';

export const GET: readonly string[] = ['GET'];
/** Of health: load balancers often ask for no body. */
export const GET_AND_HEAD: readonly string[] = ['GET', 'HEAD'];
export const POST: readonly string[] = ['POST'];
export const GET_AND_POST: readonly string[] = ['GET', 'POST'];

/** The meaning of a path, with no name but those that are given. */
export function pathMeaning(
  protocol: HttpProtocol,
  operation: Operation,
  methods: readonly string[],
  names: Partial<Pick<InferencePath, 'model' | 'version' | 'isLabel'>> = {},
): InferencePath {
  return { protocol, operation, model: '', version: '', isLabel: false, methods, ...names };
}
