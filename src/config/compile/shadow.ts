import type { Backend, Comparison, Shadow } from '../../core/snapshot.ts';
import { defaults } from '../defaults.ts';
import type { ConfigFile } from '../schema/root.ts';
import { parseDuration, parseShare, parseSize } from '../units.ts';

type ShadowConfig = NonNullable<ConfigFile['routes'][number]['rules'][number]['shadow']>[number];

/** Compiles a shadow of a rule; `ruleSalt` keeps its draws apart from those of other rules. */
export function compileShadow(config: ShadowConfig, backend: Backend, ruleSalt: string): Shadow {
  return {
    backend,
    share: parseShare(config.share ?? defaults.shadow.share),
    salt: `${ruleSalt}/shadow/${backend.name}`,
    start: config.start ?? defaults.shadow.start,
    timeoutMs: parseDuration(config.timeout ?? defaults.shadow.timeout),
    concurrency: config.concurrency ?? defaults.shadow.concurrency,
    queue: config.queue ?? defaults.shadow.queue,
    maxBodyBytes: parseSize(config.maxBody ?? defaults.shadow.maxBody),
    compare: config.compare === 'off' ? null : compileComparison(config.compare ?? {}),
    logShare: parseShare(config.log ?? defaults.shadow.log),
  };
}

function compileComparison(config: Exclude<NonNullable<ShadowConfig['compare']>, 'off'>): Comparison {
  return {
    tolerance: config.tolerance ?? defaults.shadow.compare.tolerance,
    relative: config.relative ?? defaults.shadow.compare.relative,
    labels: config.labels ?? defaults.shadow.compare.labels,
    outputs: config.outputs ?? null,
  };
}
