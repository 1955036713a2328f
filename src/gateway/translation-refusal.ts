import type { RefusalOf } from '../core/explain.ts';
import { isGrpc, speaks } from '../protocol/protocols.ts';
import type { RequestFacts } from './facts.ts';
import { translate } from './translated-request.ts';

/**
 * Why a described request would be refused because it has no form in the protocol of a backend: what the request itself
 * would hear. Where its body is not known, because the description has none, nothing is said of what is in it.
 */
export function translationRefusal({
  facts,
  hasBody,
}: {
  readonly facts: RequestFacts;
  readonly hasBody: boolean;
}): RefusalOf {
  return (backend, matched) => {
    if (speaks(backend.protocol, facts.protocol)) return null;
    const request = { facts, body: facts.plainBody() };
    const translated = translate(request, backend, matched);
    if (translated.ok) return null;
    const isKnown = hasBody && facts.decodingProblem() === null;
    // Messages name the model, which paths of HTTP do.
    const isOfBody = translated.code === 'BAD_BODY' || (isGrpc(facts.protocol) && translated.reason === 'MISSING');
    return isOfBody && !isKnown ? null : translated;
  };
}
