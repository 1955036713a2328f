import type { Scenario } from '../scenario.ts';
import { body } from './body.ts';
import { connections } from './connections.ts';
import { enrich, enrichCached } from './enrich.ts';
import { full } from './full.ts';
import { grpc } from './grpc.ts';
import { latency } from './latency.ts';
import { pass } from './pass.ts';
import { routes } from './routes.ts';
import { shadow100 } from './shadow-100.ts';
import { workers } from './workers.ts';

export const scenarios: readonly Scenario[] = [
  pass,
  grpc,
  enrich,
  enrichCached,
  full,
  shadow100,
  body,
  routes,
  connections,
  latency,
  workers,
];
