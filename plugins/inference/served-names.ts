import type { Protocol } from '../../src/core/facts.ts';
import type { Route, Snapshot } from '../../src/core/snapshot.ts';
import { RequestFacts } from '../../src/gateway/facts.ts';
import { ListedHeaders } from '../../src/gateway/request-headers.ts';
import { speaks } from '../../src/protocol/protocols.ts';
import { canTranslate } from '../../src/protocol/translate/table.ts';

const known = new WeakMap<Snapshot, Map<Protocol, readonly string[]>>();

/**
 * The models that routes name and that requests of a protocol may get an answer from, sorted: conditions on the protocol
 * hold, and a backend speaks it or can be translated to. What else a route or rule demands is not looked at.
 */
export function namesServed(snapshot: Snapshot, protocol: Protocol): readonly string[] {
  let byProtocol = known.get(snapshot);
  if (byProtocol === undefined) known.set(snapshot, (byProtocol = new Map()));
  let names = byProtocol.get(protocol);
  if (names === undefined) {
    const { modelNames, byModel } = snapshot.index;
    const isServed = (model: string) => byModel.get(model)?.routes.some((route) => answers(route, model, protocol));
    byProtocol.set(protocol, (names = modelNames.filter(isServed)));
  }
  return names;
}

function answers({ match, rules }: Route, model: string, protocol: Protocol): boolean {
  const facts = factsOf(model, protocol);
  const isAsked = match.parts.every((part) => !part.text.startsWith('protocol ') || part.holds(facts));
  const backends = rules.flatMap((rule) => rule.protocols);
  return isAsked && backends.some((backend) => speaks(backend, protocol) || canTranslate(protocol, backend));
}

function factsOf(model: string, protocol: Protocol): RequestFacts {
  const request = { requestId: '', timeMs: 0, method: 'POST', path: '', query: '', version: '' };
  return new RequestFacts({ ...request, operation: 'infer', model, protocol, headers: new ListedHeaders([]) });
}
