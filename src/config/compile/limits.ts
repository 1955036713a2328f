import type { Limits } from '../../core/snapshot.ts';
import { defaults } from '../defaults.ts';
import type { ConfigFile } from '../schema/root.ts';
import { parseSize } from '../units.ts';

/** The bounds that a request meets, in bytes and rows. */
export function compileLimits(config: ConfigFile['limits'] = {}): Limits {
  return {
    bodyBytes: parseSize(config.body ?? defaults.limits.body),
    bufferBytes: parseSize(config.buffer ?? defaults.limits.buffer),
    rows: config.rows ?? defaults.limits.rows,
  };
}
