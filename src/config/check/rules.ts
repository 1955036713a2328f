import { listWords } from '../expected.ts';
import { type ProblemSink, joinPath } from '../problem.ts';
import type { ConfigFile } from '../schema/root.ts';
import { checkBandit, listArms } from './bandit.ts';
import { isBuiltProtocol } from './backends.ts';
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
  const protocol = checkProtocols(rule, path, chosen, config, sink);
  if (protocol === null) return;
  checkEnrich(rule, path, protocol, config, sink);
  checkProtocolAsked(rule, path, route, protocol, sink);
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

/** The one protocol that all backends of a rule speak; null when there is none or it cannot be told. */
function checkProtocols(
  rule: RuleFile,
  path: string,
  chosen: readonly Mention[],
  { backends }: ConfigFile,
  sink: ProblemSink,
): string | null {
  const shadows = (rule.shadow ?? []).map(({ backend }, index) => ({
    name: backend,
    path: joinPath(joinPath(joinPath(path, 'shadow'), index), 'backend'),
  }));
  let first: { name: string; protocol: string } | null = null;
  let isOne = true;
  for (const mention of [...chosen, ...shadows]) {
    const backend = Object.hasOwn(backends, mention.name) ? backends[mention.name] : undefined;
    if (backend === undefined || !isBuiltProtocol(backend.protocol)) continue;
    first ??= { name: mention.name, protocol: backend.protocol };
    if (backend.protocol === first.protocol) continue;
    isOne = false;
    sink.error(mention.path, 'the backends of a rule must all speak one protocol; translation is not built yet', {
      found: `\`${mention.name}\` speaks ${backend.protocol}, \`${first.name}\` speaks ${first.protocol}`,
    });
  }
  return isOne ? (first?.protocol ?? null) : null;
}

function checkEnrich(
  rule: RuleFile,
  path: string,
  protocol: string,
  { features = {} }: ConfigFile,
  sink: ProblemSink,
): void {
  for (const [index, name] of (rule.enrich ?? []).entries()) {
    const view = Object.hasOwn(features, name) ? features[name] : undefined;
    if (view === undefined) continue;
    const at = joinPath(joinPath(path, 'enrich'), index);
    const sources = Object.values(view.entity).map((part) => part.from);
    const refuse = (what: string, needed: string) =>
      sink.error(at, `the view \`${name}\` has ${what}, which only ${needed} has`, {
        found: `backends that speak ${protocol}`,
      });
    if (protocol !== 'oip') {
      if ('tensor' in view.into || 'tensors' in view.into) refuse('`into` tensors', 'oip');
      if (sources.some((from) => from.startsWith('tensor:'))) refuse('an entity from a tensor', 'oip');
    }
    if (protocol !== 'kserve-v1') {
      if ('columns' in view.into) refuse('`into` columns', 'kserve-v1');
      if (sources.some((from) => from.startsWith('column:'))) refuse('an entity from a column', 'kserve-v1');
    }
  }
}

/** A rule that asks for one protocol and sends to another could only fail. */
function checkProtocolAsked(rule: RuleFile, path: string, route: RouteFile, protocol: string, sink: ProblemSink): void {
  const when = typeof rule.when === 'object' ? literalOf(rule.when.protocol) : null;
  const asked = when ?? literalOf(route.match?.protocol);
  if (asked === null || asked === protocol) return;
  sink.error(path, `the requests speak ${asked} and the backends ${protocol}; translation is not built yet`);
}
