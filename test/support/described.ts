import type { Facts } from '../../src/core/facts.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { prepareConfigText } from '../../src/config/prepare.ts';
import type { Problem } from '../../src/config/problem.ts';
import { factsOf } from '../../src/gateway/request-description.ts';

/** When requests of tests arrive: a Friday, 13:30 UTC. */
export const testTimeMs = Date.UTC(2026, 9, 23, 13, 30);

export interface Description {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: unknown;
}

/** The facts of a request for the model iris, but for what is given. */
export function describe(description: Description = {}): Facts {
  const described = factsOf({ path: '/v2/models/iris/infer', ...description }, '', testTimeMs);
  if (!described.ok) throw new Error(described.problems.join('; '));
  return described.facts;
}

const backends = `
version: 1
backends:
  iris-v1: { protocol: oip, endpoints: ["http://127.0.0.1:9001"] }
  iris-v2: { protocol: oip, endpoints: ["http://127.0.0.1:9002"] }
  iris-v3: { protocol: oip, endpoints: ["http://127.0.0.1:9003"] }
`;

/** The snapshot of a configuration with the backends iris-v1 to iris-v3 and what is given. */
export function snapshotOf(rest: string): Snapshot {
  const prepared = prepareConfigText(backends + rest);
  if (prepared.snapshot === null) throw new Error(prepared.problems.map(textOf).join('\n'));
  return prepared.snapshot;
}

/** The errors of such a configuration, each as path and message. */
export function errorsOf(rest: string): string[] {
  const { problems } = prepareConfigText(backends + rest);
  return problems.filter((problem) => problem.severity === 'error').map(textOf);
}

function textOf({ path, message }: Problem): string {
  return `${path}: ${message}`;
}
