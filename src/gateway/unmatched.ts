import { GatewayError } from '../core/errors.ts';
import type { Facts } from '../core/facts.ts';

/**
 * Why no route or rule holds. Clients of OpenAI name the model in the body: where none is named, and no route goes without,
 * that is what is wrong.
 */
export function unmatched(code: 'ROUTE_NOT_FOUND' | 'RULE_NOT_FOUND', { protocol, model }: Facts): GatewayError {
  const isNameless = code === 'ROUTE_NOT_FOUND' && protocol === 'openai' && model === '';
  return isNameless ? new GatewayError('BAD_REQUEST', NO_MODEL) : new GatewayError(code);
}

const NO_MODEL =
  'The request names no model: the body must be a JSON object with the name of the model as `model`, a text.';
