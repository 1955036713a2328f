import type { Operation } from '../../core/facts.ts';
import type { RouteKeys } from '../../core/route-index.ts';
import type { Route } from '../../core/snapshot.ts';
import { defaults } from '../defaults.ts';
import { joinPath, showFound } from '../problem.ts';
import type { ConfigFile } from '../schema/root.ts';
import { compileMatch } from './match.ts';
import { compileRule, type CompiledRule, type RuleScope } from './rule.ts';
import { parseSource } from './source.ts';

type RouteConfig = ConfigFile['routes'][number];

/** The operations that a key of `allow` stands for. */
const operationsOf = {
  repository: ['repository-index', 'model-load', 'model-unload'],
  'shared-memory': ['shared-memory'],
  trace: ['trace-setting'],
  logging: ['log-settings'],
} as const satisfies Record<string, readonly Operation[]>;

export interface CompiledRoute {
  readonly route: Route;
  readonly keys: RouteKeys;
}

/** Compiles a route and its rules; null when something of it cannot be used. */
export function compileRoute(index: number, config: RouteConfig, path: string, scope: RuleScope): CompiledRoute | null {
  const { name } = config;
  const match = compileMatch(config.match ?? {}, joinPath(path, 'match'), scope.intern, scope.problems);
  const unitText = config.unit ?? defaults.route.unit;
  const unit = parseSource(unitText);
  if (unit === null && !unitText.startsWith('claim:')) {
    const details = { found: showFound(unitText), expected: 'such as header:x-user-id' };
    scope.problems.error(joinPath(path, 'unit'), 'this names no value of a request', details);
  }
  const owner = { name, hasUnit: unit !== null && unit.from !== 'request' };
  const rules: CompiledRule[] = [];
  for (const [i, item] of config.rules.entries()) {
    const compiled = compileRule(i, item, owner, joinPath(joinPath(path, 'rules'), i), scope);
    if (compiled !== null) rules.push(compiled);
  }
  if (unit === null || rules.length < config.rules.length) return null;
  const route: Route = {
    index,
    name,
    match: match.condition,
    unit,
    unitText,
    expose: config.expose ?? defaults.route.expose,
    seldonRoute: config.seldonRoute ?? defaults.route.seldonRoute,
    decisionParameter: config.decisionParameter ?? null,
    allowed: new Set((config.allow ?? []).flatMap((kind) => operationsOf[kind])),
    rules: rules.map(({ rule }) => rule),
    readsBody: match.readsBody || unit.from === 'body' || rules.some(({ readsBody }) => readsBody),
  };
  return { route, keys: match.keys };
}
