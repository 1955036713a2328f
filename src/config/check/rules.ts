import { grpcProtocols, httpProtocols, type Protocol } from '../../core/facts.ts';
import { speaks } from '../../protocol/protocols.ts';
import { canTranslate } from '../../protocol/translate/table.ts';
import { listWords } from '../expected.ts';
import { type ProblemSink, joinPath } from '../problem.ts';
import type { ConfigFile } from '../schema/root.ts';
import { checkBandit, listArms } from './bandit.ts';
import { checkEnrich } from './enrich.ts';
import { checkMatch, literalOf } from './match.ts';
import { checkName, checkWait } from './values.ts';

export type RouteFile = ConfigFile['routes'][number];
export type RuleFile = RouteFile['rules'][number];

const CHOICES = ['backend', 'split', 'bandit', 'experiment', 'graph'] as const;

/** A backend that a rule names, and where. */
interface Mention {
  readonly name: string;
  readonly path: string;
}

export function nameRule(rule: RuleFile, index: number): string {
  return rule.name ?? `rule-${index + 1}`;
}

export function checkRule(rule: RuleFile, path: string, route: RouteFile, config: ConfigFile, sink: ProblemSink): void {
  checkMatch(rule.when, joinPath(path, 'when'), sink);
  checkWait(rule.timeout, joinPath(path, 'timeout'), sink);
  checkChoice(rule, path, config, sink);
  const chosen = listChosen(rule, path);
  checkShadows(rule, path, chosen, config, sink);
  const possible = checkProtocols(rule, path, route, chosen, config, sink);
  if (possible === null) return;
  const backends = [...chosen, ...listShadows(rule, path)].map(({ name }) => name);
  checkEnrich(rule, path, possible, backends, config, sink);
}

function checkChoice(rule: RuleFile, path: string, config: ConfigFile, sink: ProblemSink): void {
  const given = CHOICES.filter((key) => rule[key] !== undefined);
  if (given.length !== 1) {
    sink.error(path, 'a rule needs exactly one of `backend`, `split`, `bandit`, `experiment`, `graph`', {
      found:
        given.length === 0
          ? 'none'
          : listWords(
              given.map((key) => `\`${key}\``),
              'and',
            ),
    });
  }
  if (rule.experiment !== undefined)
    sink.error(joinPath(path, 'experiment'), '`experiment` is not built yet; use split');
  if (rule.graph !== undefined) sink.error(joinPath(path, 'graph'), '`graph` is not built yet; use backend');
  if (rule.backend !== undefined) checkName(rule.backend, config.backends, 'backend', joinPath(path, 'backend'), sink);
  if (rule.split !== undefined) checkSplit(rule.split, joinPath(path, 'split'), config, sink);
  if (rule.bandit !== undefined) checkBandit(rule.bandit, joinPath(path, 'bandit'), config, sink);
  for (const [index, view] of (rule.enrich ?? []).entries()) {
    checkName(view, config.features ?? {}, 'feature view', joinPath(joinPath(path, 'enrich'), index), sink);
  }
}

function checkSplit(split: Record<string, number>, path: string, config: ConfigFile, sink: ProblemSink): void {
  for (const name of Object.keys(split)) checkName(name, config.backends, 'backend', joinPath(path, name), sink);
  if (Object.values(split).every((weight) => weight === 0)) {
    sink.error(path, 'all weights are 0, so nothing can be served', { expected: 'a weight above 0' });
  }
}

function listChosen(rule: RuleFile, path: string): Mention[] {
  const mentions: Mention[] = [];
  if (rule.backend !== undefined) mentions.push({ name: rule.backend, path: joinPath(path, 'backend') });
  for (const name of Object.keys(rule.split ?? {}))
    mentions.push({ name, path: joinPath(joinPath(path, 'split'), name) });
  if (rule.bandit === undefined) return mentions;
  const arms = listArms(rule.bandit, joinPath(path, 'bandit'));
  return [...mentions, ...arms.map((arm) => ({ name: arm.backend, path: arm.path }))];
}

function listShadows(rule: RuleFile, path: string): Mention[] {
  return (rule.shadow ?? []).map(({ backend }, index) => ({
    name: backend,
    path: joinPath(joinPath(joinPath(path, 'shadow'), index), 'backend'),
  }));
}

function checkShadows(
  rule: RuleFile,
  path: string,
  chosen: readonly Mention[],
  config: ConfigFile,
  sink: ProblemSink,
): void {
  const only = new Set(chosen.map((mention) => mention.name));
  for (const [index, shadow] of (rule.shadow ?? []).entries()) {
    const at = joinPath(joinPath(path, 'shadow'), index);
    checkName(shadow.backend, config.backends, 'backend', joinPath(at, 'backend'), sink);
    checkWait(shadow.timeout, joinPath(at, 'timeout'), sink);
    if (only.size === 1 && only.has(shadow.backend)) {
      sink.warning(
        joinPath(at, 'backend'),
        'the shadow is the only backend of the rule, so it is compared with itself',
      );
    }
  }
}

/**
 * The protocols whose requests all backends of a rule can take, as they are or translated, as far as the rule and its
 * route ask for them; null when a backend is not known.
 */
function checkProtocols(
  rule: RuleFile,
  path: string,
  route: RouteFile,
  chosen: readonly Mention[],
  { backends }: ConfigFile,
  sink: ProblemSink,
): readonly Protocol[] | null {
  const when = typeof rule.when === 'object' ? literalOf(rule.when.protocol) : null;
  const asked = when ?? literalOf(route.match?.protocol);
  let possible: readonly Protocol[] = protocols.filter((protocol) => asked === null || protocol === asked);
  if (possible.length === 0) return null;
  for (const { name, path: at } of [...chosen, ...listShadows(rule, path)]) {
    const backend = Object.hasOwn(backends, name) ? backends[name] : undefined;
    if (backend === undefined) return null;
    const left = possible.filter((protocol) => takes(backend.protocol, protocol));
    if (left.length === 0) {
      const message =
        asked === null
          ? 'no request can go to this backend and to the others of the rule'
          : `the requests speak ${asked}, which this backend does not take`;
      sink.error(at, message, {
        found: `\`${name}\` speaks ${backend.protocol}`,
        expected: `a backend that takes ${listWords(possible, 'or')}`,
      });
      return null;
    }
    possible = left;
  }
  return possible;
}

const protocols: readonly Protocol[] = [...httpProtocols, ...grpcProtocols].filter((name) => name !== 'triton');

function takes(backend: Protocol, request: Protocol): boolean {
  return speaks(backend, request) || canTranslate(request, backend);
}
