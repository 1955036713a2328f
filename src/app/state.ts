import type { MessagePort } from 'node:worker_threads';

import { defaults } from '../config/defaults.ts';
import type { ConfigFile } from '../config/schema/root.ts';
import { parseDuration } from '../config/units.ts';
import { PortState } from '../edges/embedded/state-port.ts';
import { EmbeddedState, openEmbeddedState } from '../edges/embedded/state.ts';
import { RedisState } from '../edges/redis/state.ts';
import type { Logger, StateStore } from '../gateway/ports.ts';

/** Rewards kept in memory while the embedded state cannot be written, e.g. because the disk is full. */
const EMBEDDED_BUFFER = 100_000;

export interface OpenState {
  readonly store: StateStore;
  /** Rewards kept in memory while the state is away. */
  readonly bufferLimit: number;
}

/** Opens the state that the configuration names. Rejects with a text for operators when that cannot be done. */
export async function openState(config: ConfigFile, logger: Logger): Promise<OpenState> {
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

/** A worker's part of the state: a port to the one writer of the file, or a connection of its own. */
export async function openWorkerState(
  config: ConfigFile,
  logger: Logger,
  port: MessagePort | null,
  workers: number,
): Promise<OpenState> {
  const isEmbedded = (config.state?.kind ?? 'embedded') === 'embedded';
  const { store, bufferLimit } = isEmbedded
    ? { store: new PortState(port), bufferLimit: EMBEDDED_BUFFER }
    : await openState(config, logger);
  return { store, bufferLimit: Math.ceil(bufferLimit / workers) };
}

/** Gives a worker its way to the state; null: it finds the state by itself, or the writer is away. */
export function connectWorker(store: StateStore): MessagePort | null {
  return store instanceof EmbeddedState ? store.connect() : null;
}

/** Tells when the ways that `connectWorker` gave are broken, and new ones can be had. */
export function onStateRestart(store: StateStore, listener: () => void): void {
  if (store instanceof EmbeddedState) store.onRestart(listener);
}
