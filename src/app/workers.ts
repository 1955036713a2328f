import type { ReadyConfig } from '../config/prepare.ts';
import type { LineOutput } from '../edges/log/line-output.ts';
import { LineRelay } from '../edges/log/line-relay.ts';
import type { PromMetrics } from '../edges/telemetry/metrics.ts';
import { BanditLearner } from '../gateway/bandits.ts';
import { Degradation } from '../gateway/degradation.ts';
import type { Clock, Logger, StateStore } from '../gateway/ports.ts';
import { DecisionTokens } from '../gateway/token.ts';
import type { DataPlane } from './data-plane.ts';
import { checkPortIsFree } from './port-check.ts';
import { portsOf, type Settings } from './settings.ts';
import { connectWorker, onStateRestart } from './state.ts';
import { Supervisor } from './supervisor.ts';
import { sumBackends, sumShadows } from './worker-views.ts';

export interface WorkersPorts {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: PromMetrics;
  readonly output: LineOutput;
  readonly store: StateStore;
  readonly keyCheckMs: number | undefined;
}

/** What a worker may work without, and says so in its `makas_degraded`. */
const REASONS = ['state', 'features', 'workers'] as const;

/**
 * Requests are answered by workers. The main thread keeps what is one for all: configuration, state file, admin API,
 * metrics, log output; and learns from the state like a worker, to show it and to explain.
 */
export async function serveByWorkers(
  config: ReadyConfig,
  { settings, clock, logger, metrics, output, store, keyCheckMs }: WorkersPorts,
  stack: AsyncDisposableStack,
): Promise<DataPlane> {
  const degradation = new Degradation('state', metrics.gauge('makas_degraded', 'state'), logger);
  const learner = new BanditLearner({
    store,
    tokens: new DecisionTokens(),
    clock,
    logger,
    metrics,
    degradation,
    random: () => Math.random() / 4,
  });
  stack.defer(() => learner.close());
  let { snapshot } = config;
  let weights = learner.adopt(snapshot);
  await learner.refresh();
  learner.start();

  const lines = new LineRelay(output);
  stack.defer(() => lines.close());
  const supervisor = new Supervisor(config, {
    workers: settings.workers,
    ports: portsOf(settings),
    drainMs: settings.drainMs,
    keyCheckMs,
    logger,
    metrics,
    lines,
    connectState: () => connectWorker(store),
  });
  onStateRestart(store, () => supervisor.renewState());
  stack.defer(() => {
    logger.info({}, 'draining');
    return supervisor.close();
  });

  let isStarted = false;
  return {
    get snapshot() {
      return snapshot;
    },
    get weights() {
      return weights;
    },
    async adopt(next) {
      await supervisor.adopt(next);
      ({ snapshot } = next);
      weights = learner.adopt(snapshot);
    },
    async listen() {
      const { http, grpc } = settings;
      await checkPortIsFree(http.host, http.port);
      if (grpc !== null) await checkPortIsFree(grpc.host, grpc.port);
      const addresses = await supervisor.start().catch((error: unknown) => {
        throw startFailure(error);
      });
      isStarted = true;
      return addresses;
    },
    backends: async () =>
      sumBackends(
        snapshot,
        (await supervisor.describe()).map(({ backends }) => backends),
      ),
    shadows: async () => sumShadows((await supervisor.describe()).map(({ shadows }) => shadows)),
    bandits: () => learner.describe(),
    isServing: () => isStarted && supervisor.links.some(({ isServing }) => isServing),
    isDraining: () => supervisor.isEnding,
    degraded: () => REASONS.filter((reason) => metrics.gaugeNow('makas_degraded', reason) > 0),
    threads: () => supervisor.links.map(({ thread }) => thread),
  };
}

function startFailure(error: unknown): unknown {
  if (!(error instanceof Error) || !error.message.includes('ENOTSUP')) return error;
  const text = 'Workers share their port, which this system does not let them (Linux and FreeBSD do). Set workers: 1.';
  return new Error(text, { cause: error });
}
