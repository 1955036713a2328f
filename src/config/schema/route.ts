import { Type } from 'typebox';
import { defaults } from '../defaults.ts';
import { Bandit } from './bandit.ts';
import { Match, When } from './match.ts';
import { Duration, NAME_PATTERN, Name, OneOf, Share, Strict } from './scalars.ts';
import { Shadow } from './shadow.ts';

export const Rule = Strict(
  {
    name: Type.Optional(Name('Name of the rule. Default `rule-N`, counted from 1.')),
    when: Type.Optional(When),
    enrich: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        minItems: 1,
        uniqueItems: true,
        description: 'Feature views whose values go into the request.',
      }),
    ),
    backend: Type.Optional(Type.String({ minLength: 1, description: 'The one backend that answers.' })),
    split: Type.Optional(
      Type.Record(Type.String({ pattern: NAME_PATTERN }), Type.Number({ minimum: 0, maximum: 1e12 }), {
        minProperties: 1,
        maxProperties: 64,
        additionalProperties: false,
        'x-ordered': true,
        description:
          'Weights of backends, any scale, decimals and 0 allowed. The first is the baseline: a change between it and another moves no unit of a third.',
        examples: [{ 'iris-v1': 95, 'iris-v2': 5 }],
      }),
    ),
    bandit: Type.Optional(Bandit),
    experiment: Type.Optional(Type.Unknown({ description: 'An experiment. Not built yet: using it is an error.' })),
    graph: Type.Optional(Type.Unknown({ description: 'A graph of steps. Not built yet: using it is an error.' })),
    salt: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 256,
        description:
          'Salt of the hash of split and bandit. Default `ROUTE/RULE`. Bucket = MurmurHash3 x86-32 (seed 1) of unit + salt, divided by 2^32.',
      }),
    ),
    shadow: Type.Optional(Type.Array(Shadow, { minItems: 1, maxItems: 16, description: 'Shadows.' })),
    timeout: Type.Optional(
      Duration(
        'Longest time for the whole request, enrichment and retries included; of an answer that streams, for its beginning and for each silence after it. Default: the timeout of the backend.',
        { examples: ['2s'] },
      ),
    ),
    retry: Type.Optional(
      Strict(
        {
          attempts: Type.Integer({
            minimum: 0,
            maximum: 1,
            description: 'Further attempts on another endpoint after a refused connection.',
            default: defaults.rule.retry,
          }),
        },
        'Retries.',
      ),
    ),
    log: Type.Optional(
      Strict(
        {
          sample: Share('Share of the decisions that are logged; errors always are. Default: `log.decisions`.', {
            examples: ['1%'],
          }),
        },
        'The decision log of this rule.',
      ),
    ),
  },
  'A rule: exactly one of `backend`, `split`, `bandit`, `experiment`, `graph`.',
);

export const Route = Strict(
  {
    name: Name('Name of the route, a label of the metrics.'),
    match: Type.Optional(Match),
    unit: Type.Optional(
      Type.String({
        pattern: '^((header|query|cookie|body|claim):.+|request)$',
        description:
          'What sticks to an arm: `header:NAME`, `query:NAME`, `cookie:NAME`, `body:DOT.PATH` or `request`. A request without that value is its own unit.',
        default: defaults.route.unit,
        examples: ['header:x-user-id'],
        'x-expected': 'a source such as header:x-user-id, or request',
      }),
    ),
    expose: Type.Optional(
      Type.Boolean({
        description: 'Tell clients the route and the backend in `makas-route` and `makas-backend`.',
        default: defaults.route.expose,
      }),
    ),
    allow: Type.Optional(
      Type.Array(OneOf(['repository', 'shared-memory', 'trace', 'logging'], { description: 'A kind of endpoint.' }), {
        description:
          'Endpoints of Triton and MLServer that change or reveal the server, which are refused unless named here.',
        examples: [['repository']],
      }),
    ),
    decisionParameter: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 128,
        description:
          'Also put the decision token into the answer, as this key of its `parameters`, for clients that cannot read headers or metadata. For answers of the Open Inference Protocol, REST and gRPC; those of Seldon Core 1 always have it in `meta.tags`, as `makas-decision` or this key.',
        examples: ['decision'],
      }),
    ),
    seldonRoute: Type.Optional(
      Type.Boolean({
        description:
          'Tell clients the arm in `x-seldon-route`, as Seldon Core 2 does, and keep a request that brings it on that arm.',
        default: defaults.route.seldonRoute,
      }),
    ),
    rules: Type.Array(Rule, { minItems: 1, description: 'First rule that holds wins.' }),
  },
  'A route: which requests it is for, and its rules.',
);
