import type { Backend, Bandit, Choice, FeatureView, Rule, Shadow } from '../../core/snapshot.ts';
import { createSplit } from '../../core/split.ts';
import { defaults } from '../defaults.ts';
import { joinPath, type ProblemSink } from '../problem.ts';
import type { ConfigFile } from '../schema/root.ts';
import { parseDuration, parseShare } from '../units.ts';
import { compileBandit } from './bandit.ts';
import { compileWhen, type InternPath } from './match.ts';
import { compileShadow } from './shadow.ts';

type RuleConfig = ConfigFile['routes'][number]['rules'][number];

/** What the rules of a configuration share while they are compiled. */
export interface RuleScope {
  readonly problems: ProblemSink;
  readonly intern: InternPath;
  readonly backends: ReadonlyMap<string, Backend>;
  readonly views: ReadonlyMap<string, FeatureView>;
  /** Share of decisions logged where a rule does not say. */
  readonly logShare: number;
  /** All bandits so far. */
  readonly bandits: Bandit[];
}

export interface CompiledRule {
  readonly rule: Rule;
  /** Whether `when` reads the body. */
  readonly readsBody: boolean;
}

/** Compiles a rule; null when the check refuses it. */
export function compileRule(
  index: number,
  config: RuleConfig,
  route: { readonly name: string; readonly hasUnit: boolean },
  path: string,
  scope: RuleScope,
): CompiledRule | null {
  const { problems } = scope;
  const name = config.name ?? `rule-${index + 1}`;
  const salt = config.salt ?? `${route.name}/${name}`;
  const when = compileWhen(config.when, joinPath(path, 'when'), scope.intern, problems);
  const enrich = compileEnrich(config.enrich ?? [], scope);
  const shadows = compileShadows(config.shadow ?? [], salt, joinPath(path, 'shadow'), scope);
  const choice = compileChoice(config, `${route.name}.${name}`, route.hasUnit, path, scope);
  if (choice === null || enrich === null || shadows === null) return null;
  const rule: Rule = {
    index,
    name,
    when: when.condition,
    enrich,
    choice,
    shadows,
    timeoutMs: config.timeout === undefined ? null : parseDuration(config.timeout),
    retries: config.retry?.attempts ?? defaults.rule.retry,
    logShare: config.log === undefined ? scope.logShare : parseShare(config.log.sample),
    salt,
    protocols: [...new Set(backendsOf(choice).map((backend) => backend.protocol))],
    holdsBody: enrich.length > 0 || shadows.length > 0 || backendsOf(choice).some(namesItsModel),
  };
  return { rule, readsBody: when.readsBody };
}

/** The backends among which a choice chooses. */
function backendsOf(choice: Choice): readonly Backend[] {
  switch (choice.kind) {
    case 'backend':
      return [choice.backend];
    case 'split':
      return choice.arms;
    default:
      return choice.bandit.arms.map((arm) => arm.backend);
  }
}

/** Bodies of these protocols may name the model, and that name may have to be mapped. */
function namesItsModel({ protocol, model }: Backend): boolean {
  return model !== null && (protocol === 'oip' || protocol === 'triton' || protocol === 'openai');
}

function compileEnrich(names: readonly string[], { views }: RuleScope): FeatureView[] | null {
  const found = names.flatMap((name) => views.get(name) ?? []);
  return found.length === names.length ? found : null;
}

function compileShadows(
  configs: NonNullable<RuleConfig['shadow']>,
  salt: string,
  path: string,
  { backends, problems }: RuleScope,
): Shadow[] | null {
  const shadows: Shadow[] = [];
  for (const [i, config] of configs.entries()) {
    const backend = backends.get(config.backend);
    if (backend === undefined) return null;
    // Both would have one salt and one name in the metrics.
    if (shadows.some((shadow) => shadow.backend === backend)) {
      const at = joinPath(joinPath(path, i), 'backend');
      problems.error(at, 'this backend is a shadow of the rule already', { found: JSON.stringify(backend.name) });
    }
    shadows.push(compileShadow(config, backend, salt));
  }
  return shadows;
}

function compileChoice(
  config: RuleConfig,
  banditName: string,
  hasUnit: boolean,
  path: string,
  { backends, bandits, problems }: RuleScope,
): Choice | null {
  if (config.backend !== undefined) {
    const backend = backends.get(config.backend);
    return backend === undefined ? null : { kind: 'backend', backend };
  }
  if (config.split !== undefined) return compileSplit(config.split, backends);
  if (config.bandit === undefined) return null;
  const at = joinPath(path, 'bandit');
  const bandit = compileBandit(bandits.length, config.bandit, banditName, hasUnit, backends, at, problems);
  if (bandit === null) return null;
  const twin = bandits.find((other) => other.id === bandit.id && other.name !== bandit.name);
  if (twin !== undefined) {
    const message = `this bandit and ${twin.name} have the same hash, by which tokens name them; rename one`;
    problems.error(at, message, { found: JSON.stringify(bandit.name) });
  }
  bandits.push(bandit);
  return { kind: 'bandit', bandit };
}

function compileSplit(
  weights: Readonly<Record<string, number>>,
  backends: ReadonlyMap<string, Backend>,
): Choice | null {
  const arms = Object.keys(weights).flatMap((name) => backends.get(name) ?? []);
  const values = Object.values(weights);
  if (arms.length < values.length || values.every((weight) => weight === 0)) return null;
  return { kind: 'split', arms, split: createSplit(values) };
}
