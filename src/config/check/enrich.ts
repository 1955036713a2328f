import { grpcProtocols, httpProtocols, type Protocol } from '../../core/facts.ts';
import { hasPlace, type PlaceKind } from '../../protocol/feature-places.ts';
import { listWords } from '../expected.ts';
import { type ProblemSink, joinPath } from '../problem.ts';
import type { ConfigFile } from '../schema/root.ts';
import type { RuleFile } from './rules.ts';
import type { ViewFile } from './views.ts';

const allProtocols: readonly Protocol[] = [...httpProtocols, ...grpcProtocols];
const withTensors: readonly Protocol[] = ['oip', 'oip-grpc'];
const withColumns: readonly Protocol[] = ['kserve-v1', 'tfserving', 'vertex'];

/**
 * What the views of a rule need: entities in places that some request which its backends take can have (`possible`), and for
 * their values a place in the requests of every backend and shadow (`chosen`), which get them in their own protocol.
 */
export function checkEnrich(
  rule: RuleFile,
  path: string,
  possible: readonly Protocol[],
  chosen: readonly string[],
  { features = {}, backends }: ConfigFile,
  sink: ProblemSink,
): void {
  for (const [index, name] of (rule.enrich ?? []).entries()) {
    const view = Object.hasOwn(features, name) ? features[name] : undefined;
    if (view === undefined) continue;
    const at = joinPath(joinPath(path, 'enrich'), index);
    const sources = Object.values(view.entity).map((part) => part.from);
    const need = (what: string, needed: readonly Protocol[]): void => {
      if (possible.some((protocol) => needed.includes(protocol))) return;
      sink.error(at, `the view \`${name}\` has ${what}, which only requests of ${listWords(needed, 'and')} have`, {
        found: `a rule for requests of ${listWords(possible, 'and')}`,
      });
    };
    if (sources.some((from) => from.startsWith('tensor:'))) need('an entity from a tensor', withTensors);
    if (sources.some((from) => from.startsWith('column:'))) need('an entity from a column', withColumns);
    const { kind, words } = placeOf(view.into);
    const unfit = chosen.find((backend) => !hasPlace(backends[backend]!.protocol, kind));
    if (unfit === undefined) continue;
    sink.error(at, `the view \`${name}\` has \`into\` ${words}, for which requests to \`${unfit}\` have no place`, {
      found: `\`${unfit}\` speaks ${backends[unfit]!.protocol}`,
      expected: `backends that speak ${listWords(
        allProtocols.filter((protocol) => hasPlace(protocol, kind)),
        'or',
      )}`,
    });
  }
}

function placeOf(into: ViewFile['into']): { kind: PlaceKind; words: string } {
  if ('tensor' in into) return { kind: 'tensor', words: 'a tensor' };
  if ('tensors' in into) return { kind: 'tensors', words: 'tensors' };
  if ('columns' in into) return { kind: 'columns', words: 'columns' };
  return 'parameters' in into
    ? { kind: 'parameters', words: 'parameters' }
    : { kind: 'pointer', words: 'a place in a JSON body' };
}
