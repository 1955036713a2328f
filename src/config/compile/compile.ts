import type { FieldPath } from '../../core/facts.ts';
import { buildRouteIndex } from '../../core/route-index.ts';
import type { Backend, FeatureView, Snapshot } from '../../core/snapshot.ts';
import { defaults } from '../defaults.ts';
import { hasErrors, joinPath, ProblemList, type ConfigProblem } from '../problem.ts';
import type { ConfigFile } from '../schema/root.ts';
import { parseShare } from '../units.ts';
import { compileBackend } from './backend.ts';
import { compileLimits } from './limits.ts';
import { compileMounts } from './mounts.ts';
import { compileRoute, type CompiledRoute } from './route.ts';
import type { RuleScope } from './rule.ts';
import { compileView } from './view.ts';

/** The snapshot, or null and why there is none. */
export interface CompileResult {
  readonly snapshot: Snapshot | null;
  readonly problems: readonly ConfigProblem[];
}

/**
 * Turns a configuration, secrets filled in, into the snapshot that serves. It must fit the schema, and should have passed
 * `checkConfig`: what that refuses makes the snapshot null here, and is not reported a second time. Reported is what only
 * compiling finds: expressions, patterns, paths and pointers that cannot be read, and names whose hashes collide.
 */
export function compileConfig(config: ConfigFile, hash: string): CompileResult {
  const problems = new ProblemList();
  const backends = compileNamed<Backend, ConfigFile['backends'][string]>(config.backends, (index, name, item) =>
    compileBackend(index, name, item, joinPath('backends', name), problems),
  );
  const features = config.features ?? {};
  const views = compileNamed<FeatureView, (typeof features)[string]>(features, (index, name, item) =>
    compileView(index, name, item, joinPath('features', name), problems),
  );
  const scope: RuleScope = {
    problems,
    intern: internPaths(),
    backends,
    views,
    logShare: parseShare(config.log?.decisions ?? defaults.log.decisions),
    bandits: [],
  };
  const routes: CompiledRoute[] = [];
  for (const [i, item] of config.routes.entries()) {
    const compiled = compileRoute(i, item, joinPath('routes', i), scope);
    if (compiled !== null) routes.push(compiled);
  }
  const isWhole =
    backends.size === Object.keys(config.backends).length &&
    views.size === Object.keys(features).length &&
    routes.length === config.routes.length;
  if (!isWhole || hasErrors(problems.problems)) return { snapshot: null, problems: problems.problems };

  const inOrder = routes.map(({ route }) => route);
  const snapshot: Snapshot = {
    hash,
    backends: [...backends.values()],
    views: [...views.values()],
    bandits: scope.bandits,
    routes: inOrder,
    index: buildRouteIndex(
      inOrder,
      routes.map(({ keys }) => keys),
    ),
    limits: compileLimits(config.limits),
    prefix: config.listen?.http?.prefix ?? defaults.listen.http.prefix,
    mounts: compileMounts(config.listen?.http?.mounts),
  };
  return { snapshot, problems: problems.problems };
}

/** Compiles the items of a map; those that cannot be are left out. */
function compileNamed<Compiled, Item>(
  items: Readonly<Record<string, Item>>,
  compile: (index: number, name: string, item: Item) => Compiled | null,
): Map<string, Compiled> {
  const compiled = new Map<string, Compiled>();
  for (const [name, item] of Object.entries(items)) {
    const result = compile(compiled.size, name, item);
    if (result !== null) compiled.set(name, result);
  }
  return compiled;
}

/** Equal paths become one array, so that a request is searched once for a field that many rules look at. */
function internPaths(): (path: FieldPath) => FieldPath {
  const known = new Map<string, FieldPath>();
  return (path) => {
    const key = JSON.stringify(path);
    const same = known.get(key);
    if (same !== undefined) return same;
    known.set(key, path);
    return path;
  };
}
