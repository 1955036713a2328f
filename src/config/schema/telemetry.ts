import { Type } from 'typebox';
import { defaults } from '../defaults.ts';
import { OneOf, Secret, Share, Strict } from './scalars.ts';

export const Log = Strict(
  {
    level: Type.Optional(
      OneOf(['debug', 'info', 'warn', 'error', 'silent'], {
        description: 'Least level that is written.',
        default: defaults.log.level,
      }),
    ),
    decisions: Type.Optional(
      Share('Share of the decisions that are logged; errors always are. A rule may set its own.', {
        default: defaults.log.decisions,
      }),
    ),
  },
  'The log: JSON lines on standard output.',
);

export const Tracing = Strict(
  {
    endpoint: Type.String({
      pattern: '^https?://.+$',
      description: 'OTLP/HTTP address of a collector.',
      examples: ['http://127.0.0.1:4318/v1/traces'],
    }),
    sample: Type.Optional(
      Share('Share of requests traced when the client brings no sampling decision.', {
        default: defaults.tracing.sample,
      }),
    ),
    name: Type.Optional(
      Type.String({ minLength: 1, description: '`service.name` of the spans.', default: defaults.tracing.name }),
    ),
    headers: Type.Optional(Type.Record(Type.String(), Secret('Value.'), { description: 'Headers for the collector.' })),
  },
  'OpenTelemetry traces. Off when absent.',
);
