import { Type } from 'typebox';
import { defaults } from '../defaults.ts';
import { Duration, Share, Size, Strict } from './scalars.ts';

export const Shadow = Strict(
  {
    backend: Type.String({ minLength: 1, description: 'Backend that gets the copies.' }),
    share: Type.Optional(
      Share('Share of the requests that are copied, chosen by hash of the request id.', {
        default: defaults.shadow.share,
      }),
    ),
    start: Type.Optional(
      Type.Union([Type.Literal('after'), Type.Literal('immediate')], {
        description: '`after` the answer of the primary, or `immediate`ly beside it.',
        default: defaults.shadow.start,
      }),
    ),
    timeout: Type.Optional(
      Duration('Longest wait for the answer of the shadow.', { default: defaults.shadow.timeout }),
    ),
    concurrency: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 10000,
        description: 'Most copies under way at once.',
        default: defaults.shadow.concurrency,
      }),
    ),
    queue: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 100000,
        description: 'Most copies that wait; more are dropped and counted.',
        default: defaults.shadow.queue,
      }),
    ),
    maxBody: Type.Optional(
      Size('Larger requests are not copied; larger answers are not compared.', { default: defaults.shadow.maxBody }),
    ),
    compare: Type.Optional(
      Type.Union(
        [
          Type.Literal('off'),
          Strict(
            {
              tolerance: Type.Optional(
                Type.Number({
                  minimum: 0,
                  description: 'Numbers agree when |a - b| <= tolerance + relative * |a|.',
                  default: defaults.shadow.compare.tolerance,
                }),
              ),
              relative: Type.Optional(
                Type.Number({
                  minimum: 0,
                  description: 'Relative part of the tolerance.',
                  default: defaults.shadow.compare.relative,
                }),
              ),
              labels: Type.Optional(
                Type.Boolean({
                  description: 'For classifiers: compare the label (of scores, the largest) instead of the numbers.',
                  default: defaults.shadow.compare.labels,
                }),
              ),
              outputs: Type.Optional(
                Type.Array(Type.String({ minLength: 1 }), {
                  minItems: 1,
                  description: 'Outputs to compare; default: all of the primary.',
                }),
              ),
            },
            'How answers are compared.',
          ),
        ],
        {
          description: 'How answers are compared: settings, or `off`.',
          'x-expected': '`off`, or settings such as { tolerance: 0.001 }',
        },
      ),
    ),
    log: Type.Optional(
      Share('Share of mismatches that are logged as pairs of answers.', { default: defaults.shadow.log }),
    ),
  },
  'A shadow gets copies of requests; its answers are compared and thrown away.',
);
