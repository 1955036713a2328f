import { type ConfigProblem, ProblemList } from '../problem.ts';
import type { ConfigFile } from '../schema/root.ts';
import { checkBackends } from './backends.ts';
import { checkMounts } from './mounts.ts';
import { checkListen, checkLimits, checkState } from './process.ts';
import { checkRoutes } from './routes.ts';
import { checkViews } from './views.ts';

/**
 * What the schema cannot say: names that must exist, values that must agree with each other, and what is in the language
 * but not built yet. Pure; expressions and patterns are checked by the compile step, which must parse them anyway.
 */
export function checkConfig(config: ConfigFile): readonly ConfigProblem[] {
  const list = new ProblemList();
  checkListen(config, list);
  checkMounts(config, list);
  checkLimits(config, list);
  checkState(config, list);
  checkBackends(config, list);
  checkViews(config, list);
  checkRoutes(config, list);
  return list.problems;
}
