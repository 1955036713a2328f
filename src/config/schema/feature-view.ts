import { Type } from 'typebox';
import { defaults } from '../defaults.ts';
import { Duration, NAME_PATTERN, OneOf, Secret, Strict, TextWithSecrets } from './scalars.ts';

const FieldType = Type.Union(
  [Type.Literal('float'), Type.Literal('double'), Type.Literal('int'), Type.Literal('bool'), Type.Literal('string')],
  {
    description: 'Type of the stored value: `float` (32 bit), `double`, `int` (64 bit, exact), `bool`, `string`.',
  },
);

const Scalar = Type.Union([Type.Number(), Type.Boolean(), Type.String()]);

export const Entity = Strict(
  {
    from: Type.String({
      pattern: '^(header|query|cookie|body|tensor|column|claim):.+$',
      description:
        'Where the entity key comes from: `header:NAME`, `query:NAME`, `cookie:NAME`, `body:DOT.PATH` (a value or an array of values), `tensor:NAME` (an OIP input), `column:NAME` or `column:INDEX` (of every row of `instances`), `claim:NAME`.',
      examples: ['body:parameters.flower_id'],
      'x-expected': 'a source such as header:x-user-id or body:parameters.flower_id',
    }),
    type: Type.Optional(
      Type.Union([Type.Literal('string'), Type.Literal('int')], {
        description: 'Type of the key.',
        default: defaults.view.entityType,
      }),
    ),
  },
  'One part of the entity key.',
);

export const Into = Type.Union(
  [
    Strict({
      tensor: Type.String({
        minLength: 1,
        description: 'Name of one OIP input tensor of shape [rows, features].',
        examples: ['input'],
      }),
      datatype: OneOf(['FP32', 'FP64', 'INT32', 'INT64', 'BOOL', 'BYTES'], { description: 'Datatype of the tensor.' }),
    }),
    Strict({
      tensors: Type.Literal('each', {
        description: 'One OIP input tensor of shape [rows, 1] for each feature, named after it.',
      }),
    }),
    Strict({
      columns: Type.Union([Type.Literal('append'), Type.Literal('prepend')], {
        description: 'Columns of every row of KServe V1 `instances`.',
      }),
    }),
    Strict({
      parameters: Type.String({
        description: 'Prefix of the keys in the top-level `parameters` object; may be empty.',
        examples: ['feature_'],
      }),
    }),
    Strict({
      pointer: Type.String({
        pattern: '^(/[^/]*)+$',
        description: 'JSON pointer of an object that receives feature: value.',
        examples: ['/features'],
      }),
    }),
  ],
  {
    'x-expected':
      'one of { tensor, datatype }, { tensors: each }, { columns: append }, { parameters: PREFIX }, { pointer: /PATH }',
    description: 'Where the values go in the request.',
  },
);

const OnMissing = Type.Union(
  [
    Strict({ default: Type.Union(Scalar.anyOf, { description: 'This value in place of a missing one.' }) }),
    Strict({ defaults: Type.Record(Type.String(), Scalar, { description: 'A value for each feature.' }) }),
    Type.Literal('null'),
    // YAML reads a bare `null` as nothing; the loader turns it into the word.
    Type.Unsafe<'null'>(Type.Null()),
    Type.Literal('reject'),
    Type.Literal('skip'),
  ],
  {
    description:
      'What to do when the store has no value: a default, `null`, `reject` (422) or `skip` (send the request without this view).',
    'x-expected': '`null`, `reject`, `skip`, { default: VALUE } or { defaults: { FEATURE: VALUE } }',
    default: defaults.view.onMissing,
  },
);

export const FeatureView = Strict(
  {
    provider: OneOf(['embedded', 'redis-hash', 'feast-redis', 'feast-http', 'tecton', 'hopsworks'], {
      description:
        'Online store. Built: `embedded` (a JSONL or CSV file) and `redis-hash` (one Redis hash for each entity).',
    }),
    url: Type.Optional(
      TextWithSecrets(
        'Address of a standalone Redis. `redis-hash` needs exactly one of `url`, `sentinel`, `cluster`.',
        'redis://127.0.0.1:6379',
      ),
    ),
    sentinel: Type.Optional(
      Strict(
        {
          nodes: Type.Array(TextWithSecrets('Address of a sentinel.', 'redis://127.0.0.1:26379'), {
            minItems: 1,
            description: 'Sentinels.',
          }),
          name: Type.String({ description: 'Name of the monitored master.', examples: ['mymaster'] }),
        },
        'Redis behind Sentinel (`redis-hash`).',
      ),
    ),
    cluster: Type.Optional(
      Type.Array(TextWithSecrets('Address of a node.', 'redis://127.0.0.1:7000'), {
        minItems: 1,
        description: 'Start nodes of a Redis Cluster (`redis-hash`).',
      }),
    ),
    username: Type.Optional(Type.String({ description: 'ACL user of Redis.' })),
    password: Type.Optional(Secret('Password of Redis.')),
    path: Type.Optional(
      Type.String({
        description: 'File of the embedded store, `.jsonl` or `.csv`; watched for changes.',
        examples: ['./features/flower.jsonl'],
      }),
    ),
    keyField: Type.Optional(
      Type.String({
        description: 'Field of the file that holds the key.',
        default: defaults.view.keyField,
        examples: ['flower_id'],
      }),
    ),
    key: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'Key of an entity in the store; `{name}` stands for a part of the entity. Default: the entity parts joined by `:`.',
        examples: ['flower:{flower_id}'],
      }),
    ),
    entity: Type.Record(Type.String({ pattern: NAME_PATTERN }), Entity, {
      minProperties: 1,
      additionalProperties: false,
      'x-ordered': true,
      description: 'The parts of the entity key.',
    }),
    fields: Type.Record(Type.String({ minLength: 1 }), FieldType, {
      minProperties: 1,
      'x-ordered': true,
      description: 'Features to read, in the order in which the model gets them.',
    }),
    timestamp: Type.Optional(
      Type.String({
        description: 'Field of the store that holds the time of the values (seconds, milliseconds or ISO 8601).',
        examples: ['updated_at'],
      }),
    ),
    into: Into,
    prefer: Type.Optional(
      Type.Union([Type.Literal('store'), Type.Literal('request')], {
        description: 'Whose value wins when the request already carries a feature.',
        default: defaults.view.prefer,
      }),
    ),
    onMissing: Type.Optional(OnMissing),
    onStale: Type.Optional(
      Strict(
        {
          maxAge: Duration('Values older than this are stale. Needs `timestamp`.', { examples: ['1h'] }),
          // oxlint-disable-next-line unicorn/no-thenable -- a word of the language, read as data and never awaited.
          then: Type.Optional(
            Type.Union([Type.Literal('use'), Type.Literal('default'), Type.Literal('reject')], {
              description: 'What to do with a stale value.',
              default: defaults.view.staleThen,
            }),
          ),
        },
        'What is too old, and what to do then.',
      ),
    ),
    onError: Type.Optional(
      Type.Union([Type.Literal('default'), Type.Literal('lastKnown'), Type.Literal('reject')], {
        description:
          'When the store fails or is too slow: as `onMissing` says, the last known value (then as `onMissing` says), or reject (503).',
        default: defaults.view.onError,
      }),
    ),
    timeout: Type.Optional(
      Duration('Longest wait for the store, for each request.', { default: defaults.view.timeout }),
    ),
    cache: Type.Optional(
      Strict(
        {
          mode: Type.Union([Type.Literal('ttl'), Type.Literal('tracking'), Type.Literal('off')], {
            description:
              '`ttl`: keep values for a time. `tracking` (`redis-hash`, not with `cluster`): keep them until Redis tells that they changed. `off`, and without `cache`: keep nothing.',
          }),
          max: Type.Optional(
            Type.Integer({
              minimum: 1,
              maximum: 100_000_000,
              description: 'Most entities kept.',
              default: defaults.view.cache.max,
            }),
          ),
          ttl: Type.Optional(
            Duration(
              'How long a value is kept. With `tracking`: while Redis does not tell of changes, because the connection is lost, or because it may not (Redis 6 and the permission for CLIENT TRACKING are needed).',
              { default: defaults.view.cache.ttl },
            ),
          ),
        },
        'Local cache of this view.',
      ),
    ),
  },
  'A feature view: which values are read for which entity, and where they go.',
);
