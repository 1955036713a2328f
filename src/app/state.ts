import { defaults } from '../config/defaults.ts';
import type { ConfigFile } from '../config/schema/root.ts';
import { parseDuration } from '../config/units.ts';
import { openEmbeddedState } from '../edges/embedded/state.ts';
import { RedisState } from '../edges/redis/state.ts';
import type { Logger, StateStore } from '../gateway/ports.ts';

/** Rewards kept in memory while the embedded state cannot be written, e.g. because the disk is full. */
const EMBEDDED_BUFFER = 100_000;

/** Opens the state that the configuration names. Rejects with a text for operators when that cannot be done. */
export async function openState(
  config: ConfigFile,
  logger: Logger,
): Promise<{ store: StateStore; bufferLimit: number }> {
  const state = config.state ?? { kind: 'embedded' as const };
  if (state.kind === 'embedded') {
    const store = await openEmbeddedState({ path: state.path ?? defaults.state.path }, logger);
    return { store, bufferLimit: EMBEDDED_BUFFER };
  }
  const { url, cluster, sentinel, username, password } = state;
  const store = new RedisState(
    {
      url,
      cluster,
      sentinel,
      username,
      password,
      prefix: state.prefix ?? defaults.redisState.prefix,
      timeoutMs: parseDuration(state.timeout ?? defaults.redisState.timeout),
    },
    logger,
  );
  return { store, bufferLimit: state.buffer ?? defaults.redisState.buffer };
}
