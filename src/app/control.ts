import type { ReadyConfig } from '../config/prepare.ts';
import { watchFile } from '../config/watch.ts';
import { GatewayError } from '../core/errors.ts';
import { explain } from '../core/explain.ts';
import type { PromMetrics } from '../edges/telemetry/metrics.ts';
import { describeRoutes } from '../gateway/admin-view.ts';
import type { Clock, Logger } from '../gateway/ports.ts';
import { factsOf } from '../gateway/request-description.ts';
import { translationRefusal } from '../gateway/translation-refusal.ts';
import type { DataPlane } from './data-plane.ts';
import { createAdminListener } from './listeners.ts';
import { Reloader } from './reload.ts';
import { needRestart, type Settings } from './settings.ts';

export interface ControlPorts {
  readonly path: string;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: PromMetrics;
  readonly plane: DataPlane;
  /** A configuration went live. */
  readonly onAdopted: (config: ReadyConfig) => void;
}

/** What steers the data plane and shows it: the configuration, now and later, and the admin listener. */
export interface Control {
  /** Hash of the live configuration. */
  readonly hash: string;
  /** Tries the configuration file as it is now. */
  reload(reason: string): Promise<void>;
  /** Resolves with the address of the admin listener. */
  listen(): Promise<string>;
  /** Closes the admin listener at once: whoever watches it comes again. */
  close(): Promise<void>;
}

/** The configuration file is watched until the stack ends it. */
export async function openControl(
  config: ReadyConfig,
  ports: ControlPorts,
  stack: AsyncDisposableStack,
): Promise<Control> {
  const { path, settings, metrics } = ports;
  const reloader = openReloader(config, ports);
  metrics.onScrape(() => metrics.gauge('makas_config_info', reloader.current.hash).set(1));
  const watch = await watchFile(path, () => void reloader.reload('file changed'));
  stack.defer(() => watch.close());
  // The watch does not tell of what was written after the file was read and before it stood.
  await reloader.reload('file changed during the start');
  const listener = await openAdmin(ports, reloader);
  return {
    get hash() {
      return reloader.current.hash;
    },
    reload: (reason) => reloader.reload(reason),
    listen: () => listener.listen({ host: settings.admin.host, port: settings.admin.port }),
    async close() {
      const closed = listener.close();
      listener.server.closeAllConnections();
      await closed;
    },
  };
}

function openReloader(config: ReadyConfig, { path, clock, logger, metrics, plane, onAdopted }: ControlPorts): Reloader {
  return new Reloader(config, {
    path,
    clock,
    logger,
    metrics,
    async adopt(next) {
      const restart = needRestart(config.config, next.config);
      if (restart.length > 0)
        logger.warn({ parts: restart }, 'these parts of the configuration take effect after a restart');
      await plane.adopt(next);
      onAdopted(next);
    },
  });
}

function openAdmin({ settings, clock, logger, metrics, plane }: ControlPorts, reloader: Reloader) {
  return createAdminListener(settings, {
    metrics,
    logger,
    readiness: () => ({ isLoaded: plane.isServing(), isDraining: plane.isDraining(), degraded: plane.degraded() }),
    view: {
      routes: () => describeRoutes(plane.snapshot),
      backends: () => plane.backends(),
      bandits: () => plane.bandits(),
      shadows: () => plane.shadows(),
      config: () => describeConfig(reloader),
      explain(description) {
        const described = factsOf(
          description,
          settings.http.prefix,
          clock.now(),
          plane.snapshot.mounts,
          settings.grpc?.services,
        );
        if (!described.ok) throw new GatewayError('BAD_REQUEST', described.problems.join('; '));
        return explain(plane.snapshot, described.facts, plane.weights, translationRefusal(described));
      },
    },
  });
}

function describeConfig({ current, loadedAtMs, lastError }: Reloader) {
  return { hash: current.hash, loadedAtMs, config: current.effective, lastReloadError: lastError };
}
