import { type ProblemSink, joinPath } from '../problem.ts';
import type { ConfigFile } from '../schema/root.ts';
import { checkMatch, holdsAlways } from './match.ts';
import { type RouteFile, checkRule, nameRule } from './rules.ts';
import { checkUnique } from './values.ts';

export function checkRoutes(config: ConfigFile, sink: ProblemSink): void {
  const { routes } = config;
  if (routes.length === 0) sink.warning('routes', 'there are no routes, so every request is answered 404');
  checkUnique(
    routes.map((route, index) => [route.name, joinPath(joinPath('routes', index), 'name')]),
    'route',
    sink,
  );
  checkUnique(listBanditNames(routes), 'bandit', sink);

  const catchAll = routes.findIndex((route) => holdsAlways(route.match));
  routes.forEach((route, index) => {
    const path = joinPath('routes', index);
    if (catchAll !== -1 && index > catchAll) {
      sink.warning(
        path,
        `the route \`${route.name}\` is never reached: \`${routes[catchAll]?.name}\` before it matches every request`,
      );
    }
    checkRoute(route, path, config, sink);
  });
}

function checkRoute(route: RouteFile, path: string, config: ConfigFile, sink: ProblemSink): void {
  checkMatch(route.match, joinPath(path, 'match'), sink);
  if (route.unit?.startsWith('claim:') === true)
    sink.error(joinPath(path, 'unit'), 'identity claims are not built yet');
  const rulesAt = joinPath(path, 'rules');
  checkUnique(
    route.rules.map((rule, index) => [nameRule(rule, index), joinPath(rulesAt, index)]),
    'rule of this route',
    sink,
  );

  const catchAll = route.rules.findIndex((rule) => holdsAlways(rule.when));
  route.rules.forEach((rule, index) => {
    const at = joinPath(rulesAt, index);
    if (catchAll !== -1 && index > catchAll) {
      sink.warning(at, `the rule \`${nameRule(rule, index)}\` is never reached: a rule before it has no \`when\``);
    }
    checkRule(rule, at, route, config, sink);
  });
}

function* listBanditNames(routes: readonly RouteFile[]): Generator<readonly [string, string]> {
  for (const [routeIndex, route] of routes.entries()) {
    for (const [ruleIndex, rule] of route.rules.entries()) {
      if (rule.bandit === undefined) continue;
      const path = joinPath(joinPath(joinPath(joinPath('routes', routeIndex), 'rules'), ruleIndex), 'bandit');
      yield [rule.bandit.name ?? `${route.name}.${nameRule(rule, ruleIndex)}`, path];
    }
  }
}
