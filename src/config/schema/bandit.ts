import { Type } from 'typebox';
import { defaults } from '../defaults.ts';
import { Duration, NAME_PATTERN, Name, Share, Strict } from './scalars.ts';

const BetaPrior = Strict(
  {
    alpha: Type.Number({
      minimum: 1e-6,
      maximum: 1e9,
      description: 'Prior successes + 1.',
      examples: [defaults.bandit.betaPrior.alpha],
    }),
    beta: Type.Number({
      minimum: 1e-6,
      maximum: 1e9,
      description: 'Prior failures + 1.',
      examples: [defaults.bandit.betaPrior.beta],
    }),
  },
  'Beta prior, for `kind: binary`.',
);

const NormalPrior = Strict(
  {
    mean: Type.Number({
      minimum: -1e12,
      maximum: 1e12,
      description: 'Prior mean.',
      examples: [defaults.bandit.normalPrior.mean],
    }),
    strength: Type.Number({
      minimum: 1e-6,
      maximum: 1e9,
      description: 'Pseudo-observations behind the mean.',
      examples: [defaults.bandit.normalPrior.strength],
    }),
    shape: Type.Number({
      minimum: 1e-6,
      maximum: 1e9,
      description: 'Shape of the inverse gamma of the variance.',
      examples: [defaults.bandit.normalPrior.shape],
    }),
    rate: Type.Number({
      minimum: 1e-6,
      maximum: 1e9,
      description: 'Rate of the inverse gamma of the variance.',
      examples: [defaults.bandit.normalPrior.rate],
    }),
  },
  'Normal-Inverse-Gamma prior, for `kind: gaussian`.',
);

const Prior = Type.Union([BetaPrior, NormalPrior], {
  description: 'Prior of an arm. Default Beta(1, 1), or mean 0, strength 0.01, shape 1, rate 1.',
});

const Arm = Strict(
  {
    backend: Type.Optional(
      Type.String({ minLength: 1, description: 'Backend of the arm; default: the name of the arm.' }),
    ),
    paused: Type.Optional(
      Type.Boolean({
        description: 'Serve nothing on this arm, but keep what was learned and take its rewards.',
        default: false,
      }),
    ),
    prior: Type.Optional(Prior),
  },
  'One arm.',
);

export const Bandit = Strict(
  {
    name: Type.Optional(Name('Name of the bandit in state, metrics and the admin API. Default: `ROUTE.RULE`.')),
    policy: Type.Literal('thompson', { description: 'Thompson sampling.' }),
    arms: Type.Union(
      [
        Type.Array(Type.String({ minLength: 1 }), {
          minItems: 1,
          maxItems: 64,
          uniqueItems: true,
          description: 'Backends that are the arms.',
        }),
        Type.Record(Type.String({ pattern: NAME_PATTERN }), Arm, {
          minProperties: 1,
          maxProperties: 64,
          additionalProperties: false,
          'x-ordered': true,
          description: 'Arms by name.',
        }),
      ],
      {
        'x-expected': 'a list of backends, or a map from arm names to settings',
        description: 'The arms: a list of backends, or a map from arm names to settings.',
        examples: [['iris-v1', 'iris-v2']],
      },
    ),
    reward: Type.Optional(
      Strict(
        {
          kind: Type.Optional(
            Type.Union([Type.Literal('binary'), Type.Literal('gaussian')], {
              description:
                '`binary`: rewards in [0, 1], Beta posterior. `gaussian`: any number, Normal-Inverse-Gamma posterior.',
              default: defaults.bandit.rewardKind,
            }),
          ),
          wait: Type.Optional(
            Duration('How long after a decision its reward may come, from 1s to 30d; later ones are refused.', {
              default: defaults.bandit.wait,
            }),
          ),
          default: Type.Optional(
            Type.Union([Type.Number(), Type.Literal('none')], {
              description:
                'Reward of a decision that got none in time; `none` leaves such decisions out. Default 0 for `binary`, `none` for `gaussian`.',
            }),
          ),
          min: Type.Optional(Type.Number({ description: 'Smallest reward accepted. Default 0 for `binary`.' })),
          max: Type.Optional(Type.Number({ description: 'Largest reward accepted. Default 1 for `binary`.' })),
        },
        'What a reward is.',
      ),
    ),
    prior: Type.Optional(Prior),
    floor: Type.Optional(Share('Least share of every arm that is not paused.', { default: defaults.bandit.floor })),
    ceiling: Type.Optional(
      Share('Greatest share of one arm.', { default: defaults.bandit.ceiling, examples: ['95%'] }),
    ),
    burnIn: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 10_000_000,
        description: 'Rewards that every arm must have before the shares leave uniform.',
        default: defaults.bandit.burnIn,
      }),
    ),
    refresh: Type.Optional(
      Duration('How often the posterior is read and the shares are made anew, at most every 100ms.', {
        default: defaults.bandit.refresh,
      }),
    ),
    sticky: Type.Optional(
      Type.Union([Type.Literal('unit'), Type.Literal('request')], {
        description:
          '`unit`: a unit stays on its arm while the shares allow it. `request`: each request on its own. Default `unit` when the route names a unit.',
      }),
    ),
    epoch: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 2_000_000_000,
        description: 'Raise it to forget everything learned.',
        default: defaults.bandit.epoch,
      }),
    ),
  },
  'A bandit: learns from rewards which arm to serve.',
);
