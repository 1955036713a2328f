import type { FastifyInstance } from 'fastify';

import { closeGently } from './app/drain.ts';
import { createAdminListener, createDataListener } from './app/listeners.ts';
import { Reloader } from './app/reload.ts';
import { needRestart, readSettings } from './app/settings.ts';
import { openState } from './app/state.ts';
import type { ReadyConfig } from './config/prepare.ts';
import { watchFile } from './config/watch.ts';
import { GatewayError } from './core/errors.ts';
import { explain } from './core/explain.ts';
import type { Snapshot } from './core/snapshot.ts';
import { createStores } from './edges/features/stores.ts';
import { DecisionLog } from './edges/log/decision-log.ts';
import { LineOutput } from './edges/log/line-output.ts';
import { createLogger } from './edges/log/logger.ts';
import { PromMetrics } from './edges/telemetry/metrics.ts';
import { watchProcess } from './edges/telemetry/process-metrics.ts';
import { createTracer } from './edges/telemetry/tracer.ts';
import { UndiciUpstream } from './edges/upstream/undici-upstream.ts';
import { describeBackends, describeRoutes } from './gateway/admin-view.ts';
import { BanditLearner } from './gateway/bandits.ts';
import { Degradation } from './gateway/degradation.ts';
import { createEnricher } from './gateway/enrich.ts';
import { Gateway } from './gateway/gateway.ts';
import { MetricsSink, showEndpoints } from './gateway/metrics-sink.ts';
import { Mirror } from './gateway/mirror.ts';
import type { Clock } from './gateway/ports.ts';
import { factsOf } from './gateway/request-description.ts';
import { RewardDesk } from './gateway/rewards.ts';
import { SigningKeyKeeper } from './gateway/signing-key.ts';
import { DecisionTokens, signingKeyFrom } from './gateway/token.ts';
import { version } from './version.ts';

export interface AppOptions {
  /** The configuration file, watched for changes. */
  readonly path: string;
  readonly config: ReadyConfig;
  readonly clock?: Clock;
  /** Where log lines go. Default: standard output. */
  readonly output?: LineOutput;
  /** Time between checks of the signing key that replicas share, milliseconds. Default: half a minute. */
  readonly keyCheckMs?: number;
}

/** A running gateway. */
export interface App {
  readonly httpUrl: string;
  readonly adminUrl: string;
  /** Tries the configuration file as it is now; the old configuration stays when that fails. */
  reload(reason: string): Promise<void>;
  /** Ends what is under way within the drain limit, writes what is left to write, and stops. */
  close(): Promise<void>;
}

const TRACER_LIMIT_MS = 2000;
const SHADOW_DRAIN_MS = 500;

const systemClock: Clock = { now: () => Date.now(), steady: () => performance.now() };

/**
 * The composition root: the one place that knows all parts. Rejects with a text for operators when the gateway cannot
 * start, and leaves nothing behind then; a Redis or a model server that is away is no such reason. While the Redis that
 * keeps the signing key is away, bandits serve without tokens, and rewards are refused.
 */
export async function startApp(options: AppOptions): Promise<App> {
  const stack = new AsyncDisposableStack();
  try {
    return await wire(options, stack);
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

/** Makes every part and wires it. What must be ended is put on the stack, and ends in the opposite order. */
async function wire(
  { path, config, clock = systemClock, output = new LineOutput(), keyCheckMs }: AppOptions,
  stack: AsyncDisposableStack,
): Promise<App> {
  const settings = readSettings(config.config);
  let redact = config.redact;
  stack.defer(() => output.close());
  const logger = createLogger({ level: settings.logLevel, output, redact: (text) => redact(text) });
  stack.defer(() => logger.info({}, 'stopped'));
  for (const problem of config.problems) logger.warn({ problem }, 'configuration warning');

  // Telemetry.
  const metrics = new PromMetrics({
    onOverflow: (name) => logger.warn({ metric: name }, 'too many series; the rest is counted as other'),
  });
  stack.defer(watchProcess(metrics, version));
  const tracer = await createTracer(settings.tracing, { clock, logger, metrics, draw: Math.random });
  stack.defer(() => tracer.shutdown(TRACER_LIMIT_MS));
  const metricsSink = new MetricsSink(metrics);
  const decisionLog = new DecisionLog(output, metrics, (text) => redact(text));
  let admin: FastifyInstance | null = null;
  stack.defer(() => closeListener(admin));

  // State, and what learns from it.
  const { store, bufferLimit } = await openState(config.config, logger);
  stack.defer(() => store.close());
  const tokens = new DecisionTokens(settings.rewardSecret === null ? null : signingKeyFrom(settings.rewardSecret));
  const degradation = new Degradation('state', metrics.gauge('makas_degraded', 'state'), logger);
  if (settings.rewardSecret === null) {
    const keeper = new SigningKeyKeeper({ store, tokens, logger, degradation, checkMs: keyCheckMs });
    stack.defer(() => keeper.close());
    await keeper.start();
  }
  const learner = new BanditLearner({ store, tokens, clock, logger, metrics, degradation });
  stack.defer(() => learner.close());

  // The path of a request.
  const stores = createStores({ logger, metrics, watch: watchFile });
  stack.defer(() => stores.close());
  await stores.adopt(config.snapshot.views);
  const upstream = new UndiciUpstream();
  stack.defer(() => upstream.close());
  const enricher = createEnricher({ stores: (view) => stores.storeOf(view), clock, metrics, logger });
  const mirror = new Mirror({ upstream, clock, metrics, logger });
  // What shadows have under way is given up: their answers go nowhere.
  stack.defer(() => mirror.drain(SHADOW_DRAIN_MS));
  metricsSink.adopt(config.snapshot);
  /** Closes the pools and stores that none of these snapshots uses. */
  const letGo = (alive: readonly Snapshot[]) => {
    upstream.retain(new Set([...endpointIds(alive), ...mirror.poolIds()]));
    void stores.retain(alive.flatMap((snapshot) => snapshot.views));
  };
  const gateway = new Gateway(config.snapshot, {
    clock,
    logger,
    upstream,
    enricher,
    learner,
    mirror,
    tracer,
    sinks: [metricsSink, decisionLog],
    started: metrics.counter('makas_requests_started_total'),
    inflight: metrics.gauge('makas_requests_inflight'),
    countError: (code) => metricsSink.countError(code),
    onRetired: letGo,
  });
  const desk = new RewardDesk({
    store,
    tokens,
    snapshot: () => gateway.snapshot,
    clock,
    logger,
    metrics,
    degradation,
    bufferLimit,
  });
  stack.defer(() => desk.close());
  await learner.refresh();
  learner.start();

  // Configuration, now and later.
  const reloader = new Reloader(config, {
    path,
    clock,
    logger,
    metrics,
    async adopt(next) {
      const restart = needRestart(config.config, next.config);
      if (restart.length > 0)
        logger.warn({ parts: restart }, 'these parts of the configuration take effect after a restart');
      await stores.adopt(next.snapshot.views);
      try {
        gateway.adopt(next.snapshot);
      } catch (error) {
        letGo(gateway.alive);
        throw error;
      }
      metricsSink.adopt(next.snapshot);
      redact = (text) => config.redact(next.redact(text));
      logger.setLevel(readSettings(next.config).logLevel);
    },
  });
  const watch = await watchFile(path, () => void reloader.reload('file changed'));
  stack.defer(() => watch.close());
  metrics.onScrape(() => {
    showEndpoints(metrics, gateway.live, clock.steady());
    metrics.gauge('makas_config_info', reloader.current.hash).set(1);
  });

  // Faces.
  let isDraining = false;
  const degraded = () => [...(degradation.isDegraded ? ['state'] : []), ...(enricher.isDegraded() ? ['features'] : [])];
  const isReady = () => !isDraining;
  const data = await createDataListener(settings, { gateway, desk, logger, isReady, isDraining: () => isDraining });
  stack.defer(async () => {
    isDraining = true;
    logger.info({}, 'draining');
    await closeGently(data, settings.drainMs);
  });
  admin = await createAdminListener(settings, {
    metrics,
    logger,
    readiness: () => ({ isLoaded: true, isDraining, degraded: degraded() }),
    view: {
      routes: () => describeRoutes(gateway.snapshot),
      backends: () => describeBackends(gateway.live, clock.steady()),
      bandits: () => learner.describe(),
      shadows: () => mirror.describe(),
      config: () => describeConfig(reloader),
      explain(description) {
        const described = factsOf(description, settings.http.prefix, clock.now());
        if (!described.ok) throw new GatewayError('BAD_REQUEST', described.problems.join('; '));
        return explain(gateway.snapshot, described.facts, gateway.live.weights);
      },
    },
  });
  const adminUrl = await admin.listen({ host: settings.admin.host, port: settings.admin.port });
  const httpUrl = await data.listen({ host: settings.http.host, port: settings.http.port });
  logger.info({ http: httpUrl, admin: adminUrl, config: config.hash, version }, 'serving');
  return { httpUrl, adminUrl, reload: (reason) => reloader.reload(reason), close: () => stack.disposeAsync() };
}

function endpointIds(snapshots: readonly Snapshot[]): string[] {
  return snapshots.flatMap((snapshot) =>
    snapshot.backends.flatMap((backend) => backend.endpoints.map((endpoint) => endpoint.id)),
  );
}

function describeConfig({ current, loadedAtMs, lastError }: Reloader) {
  return { hash: current.hash, loadedAtMs, config: current.effective, lastReloadError: lastError };
}

async function closeListener(listener: FastifyInstance | null): Promise<void> {
  if (listener === null) return;
  const closed = listener.close();
  listener.server.closeAllConnections();
  await closed;
}
