import type { Configure, Place } from '../scenario.ts';

export interface MakasParts {
  /** Whether the express lane may take requests. */
  readonly express?: boolean;
  readonly workers?: number;
  /** Names of backends, all at the upstream. */
  readonly backends: readonly string[];
  /** The list of routes, indented by two. */
  readonly routes: string;
  /** Further top-level keys. */
  readonly rest?: string;
}

/** A whole configuration of the gateway. */
export function renderMakas(place: Place, parts: MakasParts): string {
  const { express = true, workers = 1, backends, routes, rest = '' } = parts;
  const backend = `{ protocol: oip, endpoints: ["http://127.0.0.1:${place.upstreamPort}"], timeout: 5s }`;
  return `version: 1
listen:
  http: { host: 127.0.0.1, port: ${place.port}, express: ${express} }
  admin: { host: 127.0.0.1, port: ${place.adminPort} }
workers: ${workers}
state: { kind: embedded, path: ${JSON.stringify(`${place.dir}/state`)} }
${rest}backends:
${backends.map((name) => `  ${name}: ${backend}`).join('\n')}
routes:
${routes}`;
}

/** One route for the model iris, split 90/10 by user. */
export const SPLIT_ROUTE = `  - name: iris
    match: { model: iris }
    unit: "header:x-user-id"
    rules:
      - name: live
        split: { iris-v1: 90, iris-v2: 10 }
`;

export function makasSplit(parts: Pick<MakasParts, 'express' | 'workers'> = {}): Configure {
  return (place) => renderMakas(place, { ...parts, backends: ['iris-v1', 'iris-v2'], routes: SPLIT_ROUTE });
}
