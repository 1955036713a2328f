import type { Choice, Shadow, Snapshot } from '../core/snapshot.ts';
import { shareOf } from '../core/split.ts';
import type { Live } from './live.ts';

/** What the admin API shows: plain objects, ready for JSON. Values of headers are left out, they may be secrets. */

/** The routes in the order in which they are tried. */
export function describeRoutes(snapshot: Snapshot): object[] {
  return snapshot.routes.map((route) => ({
    name: route.name,
    match: route.match.parts.map((part) => part.text),
    unit: route.unitText,
    expose: route.expose,
    rules: route.rules.map((rule) => ({
      name: rule.name,
      when: rule.when.parts.map((part) => part.text),
      ...describeChoice(rule.choice),
      enrich: rule.enrich.map((view) => view.name),
      shadows: rule.shadows.map(describeShadow),
      timeout_ms: rule.timeoutMs,
      retries: rule.retries,
      log_share: rule.logShare,
    })),
  }));
}

/** A backend as the admin API shows it: this, and what is configured. */
export interface BackendDescription {
  readonly name: string;
  readonly endpoints: ReadonlyArray<{ readonly address: string; readonly up: boolean; readonly inflight: number }>;
}

/** The backends with what their endpoints do now. */
export function describeBackends(live: Pick<Live, 'snapshot' | 'poolsOf'>, steadyMs: number): BackendDescription[] {
  return live.snapshot.backends.map((backend) => ({
    name: backend.name,
    protocol: backend.protocol,
    model: backend.model,
    version: backend.version,
    timeout_ms: backend.timeoutMs,
    headers: backend.headers.map(([name]) => name),
    pool: {
      connections: backend.connection.connections,
      queue: backend.connection.queue,
      connect_timeout_ms: backend.connection.connectTimeoutMs,
      keep_alive_ms: backend.connection.keepAliveMs,
    },
    endpoints: live.poolsOf(backend).map((pool) => ({
      address: pool.endpoint.origin + pool.endpoint.prefix,
      up: pool.downUntilMs <= steadyMs,
      inflight: pool.inflight,
    })),
  }));
}

function describeChoice(choice: Choice): object {
  if (choice.kind === 'backend') return { backend: choice.backend.name };
  if (choice.kind === 'bandit') return { bandit: choice.bandit.name };
  return { split: choice.arms.map((arm, i) => ({ backend: arm.name, share: shareOf(choice.split, i) })) };
}

function describeShadow(shadow: Shadow): object {
  return { backend: shadow.backend.name, share: shadow.share, start: shadow.start, compare: shadow.compare !== null };
}
