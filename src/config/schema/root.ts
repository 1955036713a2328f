import { Type } from 'typebox';
import { defaults } from '../defaults.ts';
import { Backend } from './backend.ts';
import { FeatureView } from './feature-view.ts';
import { Limits, Listen, Rewards, State } from './listen.ts';
import { Route } from './route.ts';
import { Named, Strict } from './scalars.ts';
import { Log, Tracing } from './telemetry.ts';

/** The one definition of the configuration language: types, JSON Schema and documentation come from it. */
export const Config = Strict(
  {
    version: Type.Literal(1, { description: 'Version of the configuration language.' }),
    listen: Type.Optional(Listen),
    workers: Type.Optional(
      Type.Union([Type.Literal('auto'), Type.Integer({ minimum: 1, maximum: 1024 })], {
        description:
          'Number of threads that serve requests; `auto` is one for each core. Each worker has connections, caches and limits of its own, so what is said for one endpoint, shadow or cache holds for each worker. More than one needs Linux or FreeBSD.',
        default: defaults.workers,
      }),
    ),
    limits: Type.Optional(Limits),
    state: Type.Optional(State),
    rewards: Type.Optional(Rewards),
    log: Type.Optional(Log),
    tracing: Type.Optional(Tracing),
    backends: Named(Backend, 'Backends by name.'),
    features: Type.Optional(Named(FeatureView, 'Feature views by name.')),
    routes: Type.Array(Route, { description: 'Routes: the first that matches wins.' }),
  },
  'Configuration of Makas.',
);

/** The configuration as written, after secrets are filled in. */
export type ConfigFile = Type.Static<typeof Config>;
