import { Type } from 'typebox';
import { Strict } from './scalars.ts';

const Comparable = Type.Union([Type.String(), Type.Number(), Type.Boolean()]);

/** One condition on one value: a literal, a list of literals, or an object of operators that must all hold. */
export const Condition = Type.Union(
  [
    Comparable,
    Type.Array(Comparable, { minItems: 1, description: 'Any of these.' }),
    Strict(
      {
        exact: Type.Optional(Type.Union(Comparable.anyOf, { description: 'This value.' })),
        in: Type.Optional(Type.Array(Comparable, { minItems: 1, description: 'Any of these.' })),
        prefix: Type.Optional(Type.String({ minLength: 1, description: 'Begins with this.' })),
        suffix: Type.Optional(Type.String({ minLength: 1, description: 'Ends with this.' })),
        contains: Type.Optional(Type.String({ minLength: 1, description: 'Has this within.' })),
        regex: Type.Optional(
          Type.String({
            minLength: 1,
            maxLength: 1024,
            description: 'RE2 syntax, linear time; matches anywhere unless anchored.',
          }),
        ),
        present: Type.Optional(Type.Boolean({ description: 'Whether the value is there at all.' })),
        gt: Type.Optional(Type.Number({ description: 'A number above this.' })),
        gte: Type.Optional(Type.Number({ description: 'A number of at least this.' })),
        lt: Type.Optional(Type.Number({ description: 'A number below this.' })),
        lte: Type.Optional(Type.Number({ description: 'A number of at most this.' })),
        not: Type.Optional(
          Type.Union([Comparable, Type.Array(Comparable, { minItems: 1 })], { description: 'None of these.' }),
        ),
      },
      'All the operators given must hold.',
    ),
  ],
  {
    description:
      'A literal, a list (any of), or operators: exact, in, prefix, suffix, contains, regex, present, gt, gte, lt, lte, not.',
    'x-expected': 'a literal, a list of literals, or operators such as { prefix: a }',
  },
);

const Conditions = (description: string) =>
  Type.Record(Type.String({ minLength: 1 }), Condition, { minProperties: 1, description });

export const Match = Strict(
  {
    model: Type.Optional(Condition),
    version: Type.Optional(Condition),
    path: Type.Optional(Condition),
    method: Type.Optional(Condition),
    protocol: Type.Optional(Condition),
    operation: Type.Optional(Condition),
    headers: Type.Optional(Conditions('Conditions on headers, by name in any case.')),
    query: Type.Optional(Conditions('Conditions on query parameters.')),
    body: Type.Optional(Conditions('Conditions on body fields, by dot path, e.g. `parameters.tier`.')),
    claims: Type.Optional(Conditions('Conditions on identity claims. Not built yet: using it is an error.')),
    cel: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 4096,
        description:
          'A CEL expression over `method, path, protocol, operation, model, version, headers, query, body, time`.',
        examples: ['headers["x-tier"] == "beta"'],
      }),
    ),
  },
  'What must hold; everything given must hold at once.',
);

export const When = Type.Union(
  [Type.String({ minLength: 1, maxLength: 4096, description: 'A CEL expression.' }), Match],
  {
    description: 'Conditions as in `match`, or a CEL expression.',
    examples: ['headers["x-tier"] == "beta"'],
  },
);
