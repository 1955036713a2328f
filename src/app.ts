import type { Worker } from 'node:worker_threads';

import { openControl, type Control } from './app/control.ts';
import { serveAlone, type Replica, type ReplicaPorts } from './app/data-plane.ts';
import { closeGently } from './app/drain.ts';
import { keyed } from './app/listen-error.ts';
import { createDataListener, createGrpcFront, listen } from './app/listeners.ts';
import { portsOf, readSettings } from './app/settings.ts';
import { openState } from './app/state.ts';
import { serveByWorkers } from './app/workers.ts';
import type { ReadyConfig, ServingConfig } from './config/prepare.ts';
import { watchFile } from './config/watch.ts';
import type { Snapshot } from './core/snapshot.ts';
import { bodyDecoder } from './edges/decode-body.ts';
import { SocketUpstream } from './edges/express/upstream.ts';
import { createStores } from './edges/features/stores.ts';
import { GrpcUpstream } from './edges/grpc/upstream.ts';
import { DecisionLog } from './edges/log/decision-log.ts';
import { LineOutput } from './edges/log/line-output.ts';
import { createLogger } from './edges/log/logger.ts';
import { PromMetrics } from './edges/telemetry/metrics.ts';
import { watchProcess } from './edges/telemetry/process-metrics.ts';
import { createTracer } from './edges/telemetry/tracer.ts';
import { UndiciUpstream } from './edges/upstream/undici-upstream.ts';
import { describeBackends } from './gateway/admin-view.ts';
import { BanditLearner } from './gateway/bandits.ts';
import { Degradation } from './gateway/degradation.ts';
import { createEnricher } from './gateway/enrich.ts';
import { Gateway } from './gateway/gateway.ts';
import { openPools } from './gateway/live.ts';
import { MetricsSink, showEndpoints } from './gateway/metrics-sink.ts';
import { Mirror } from './gateway/mirror.ts';
import type { Clock } from './gateway/ports.ts';
import { RewardDesk } from './gateway/rewards.ts';
import { SigningKeyKeeper } from './gateway/signing-key.ts';
import { DecisionTokens, signingKeyFrom } from './gateway/token.ts';
import { version } from './version.ts';

export interface AppOptions {
  /** The configuration file, watched for changes. */
  readonly path: string;
  readonly config: ReadyConfig;
  /** Of the main thread; workers have their own. */
  readonly clock?: Clock;
  /** Where log lines go. Default: standard output. */
  readonly output?: LineOutput;
  /** Time between checks of the signing key that replicas share, milliseconds. Default: half a minute. */
  readonly keyCheckMs?: number;
}

/** A running gateway. */
export interface App {
  readonly httpUrl: string;
  /** Null: there is no listener for gRPC. */
  readonly grpcUrl: string | null;
  readonly adminUrl: string;
  /** The threads of the workers that run now; none when there is one worker, which is the main thread. */
  threads(): readonly Worker[];
  /** Tries the configuration file as it is now; the old configuration stays when that fails. */
  reload(reason: string): Promise<void>;
  /** Ends what is under way within the drain limit, writes what is left to write, and stops. */
  close(): Promise<void>;
}

const TRACER_LIMIT_MS = 2000;
const SHADOW_DRAIN_MS = 500;

export const systemClock: Clock = { now: () => Date.now(), steady: () => performance.now() };

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

/** What there is once in a process. What must be ended is put on the stack, and ends in the opposite order. */
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
  const metrics = new PromMetrics({
    onOverflow: (name) => logger.warn({ metric: name }, 'too many series; the rest is counted as other'),
  });
  stack.defer(watchProcess(metrics, version));
  let shown: Control | null = null;
  stack.defer(() => shown?.close());
  const state = await openState(config.config, logger);
  stack.defer(() => state.store.close());

  // The data plane: this thread, or others.
  const shared = { clock, logger, metrics, output, keyCheckMs, ...state };
  const serveHere = async () => {
    const ports = { ...shared, redact: (text: string) => redact(text), draw: Math.random };
    const replica = await openReplica(config, ports, stack);
    return serveAlone(replica, portsOf(settings), () => metrics.gauge('makas_workers').set(1));
  };
  const plane = await (settings.workers > 1 ? serveByWorkers(config, { ...shared, settings }, stack) : serveHere());

  const onAdopted = (next: ReadyConfig) => {
    redact = (text) => config.redact(next.redact(text));
    logger.setLevel(readSettings(next.config).logLevel);
  };
  const ports = { path, settings, clock, logger, metrics, plane, onAdopted };
  const control = (shown = await openControl(config, ports, stack));
  const adminUrl = await keyed('listen.admin', control.listen());
  const { http, grpc } = await keyed('listen', plane.listen());
  const { workers } = settings;
  const addresses = { http, ...(grpc !== null && { grpc }), admin: adminUrl };
  logger.info({ ...addresses, workers, config: control.hash, version }, 'serving');
  const reload = (reason: string) => control.reload(reason);
  return {
    httpUrl: http,
    grpcUrl: grpc,
    adminUrl,
    threads: () => plane.threads(),
    reload,
    close: () => stack.disposeAsync(),
  };
}

/** The path of requests: everything that one thread needs to serve them. */
export async function openReplica(
  { config, snapshot }: ServingConfig,
  { store, bufferLimit, clock, logger, metrics, output, redact, keyCheckMs, draw }: ReplicaPorts,
  stack: AsyncDisposableStack,
): Promise<Replica> {
  const settings = readSettings(config);

  // Telemetry.
  const tracer = await createTracer(settings.tracing, { clock, logger, metrics, draw: Math.random });
  stack.defer(() => tracer.shutdown(TRACER_LIMIT_MS));
  const metricsSink = new MetricsSink(metrics);
  const decisionLog = new DecisionLog(output, metrics, redact);

  // What learns from the state.
  const tokens = new DecisionTokens(settings.rewardSecret === null ? null : signingKeyFrom(settings.rewardSecret));
  const degradation = new Degradation('state', metrics.gauge('makas_degraded', 'state'), logger);
  if (settings.rewardSecret === null) {
    const keeper = new SigningKeyKeeper({ store, tokens, logger, degradation, checkMs: keyCheckMs });
    stack.defer(() => keeper.close());
    await keeper.start();
  }
  const learner = new BanditLearner({ store, tokens, clock, logger, metrics, degradation, random: draw });
  stack.defer(() => learner.close());

  // The path of a request.
  const stores = createStores({ logger, metrics, watch: watchFile });
  stack.defer(() => stores.close());
  await stores.adopt(snapshot.views);
  const undici = new UndiciUpstream();
  const upstream = new GrpcUpstream({
    other: settings.http.express ? new SocketUpstream({ other: undici }) : undici,
    express: settings.grpc?.express ?? true,
  });
  stack.defer(() => upstream.close());
  const enricher = createEnricher({ stores: (view) => stores.storeOf(view), clock, metrics, logger });
  const mirror = new Mirror({ upstream, clock, metrics, logger });
  // What shadows have under way is given up: their answers go nowhere.
  stack.defer(() => mirror.drain(SHADOW_DRAIN_MS));
  metricsSink.adopt(snapshot);
  let prepared: Snapshot | null = null;
  /** Closes the pools and stores that none of these snapshots uses, nor the one that is about to go live. */
  const letGo = (alive: readonly Snapshot[]) => {
    const kept = prepared === null ? alive : [...alive, prepared];
    upstream.retain(new Set([...endpointIds(kept), ...mirror.poolIds()]));
    void stores.retain(kept.flatMap((each) => each.views));
  };
  const gateway: Gateway = new Gateway(snapshot, {
    clock,
    logger,
    upstream,
    enricher,
    learner,
    mirror,
    tracer,
    sinks: [metricsSink, decisionLog],
    decodeBody: bodyDecoder(() => gateway.snapshot.limits.bodyBytes),
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

  metrics.onScrape(() => showEndpoints(metrics, gateway.live, clock.steady()));
  const abandon = () => {
    prepared = null;
    letGo(gateway.alive);
  };

  // The face.
  let isDraining = false;
  const isReady = () => !isDraining;
  const data = await createDataListener(settings, { gateway, desk, logger, isReady, isDraining: () => isDraining });
  const grpc = createGrpcFront(settings, { gateway, desk, isReady });
  stack.defer(async () => {
    isDraining = true;
    logger.info({}, 'draining');
    await Promise.all([closeGently(data, settings.drainMs), grpc?.close(settings.drainMs)]);
  });
  return {
    get snapshot() {
      return gateway.snapshot;
    },
    get weights() {
      return gateway.live.weights;
    },
    async prepare(next) {
      prepared = next;
      try {
        await stores.adopt(next.views);
        openPools(next, upstream);
      } catch (error) {
        abandon();
        throw error;
      }
    },
    adopt(next) {
      gateway.adopt(next);
      prepared = null;
      metricsSink.adopt(next);
    },
    abandon,
    listen: (address) => listen(settings, data, grpc, address),
    describe: () => ({ backends: describeBackends(gateway.live, clock.steady()), shadows: mirror.describe() }),
    bandits: () => learner.describe(),
    isDraining: () => isDraining,
    degraded: () => [...(degradation.isDegraded ? ['state'] : []), ...(enricher.isDegraded() ? ['features'] : [])],
  };
}

function endpointIds(snapshots: readonly Snapshot[]): string[] {
  return snapshots.flatMap((snapshot) =>
    snapshot.backends.flatMap((backend) => backend.endpoints.map((endpoint) => endpoint.id)),
  );
}
