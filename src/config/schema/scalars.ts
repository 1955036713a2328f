import { Type } from 'typebox';

/** Text forms of the configuration language: durations, shares, sizes, names, conditions' scalars. */

/** A default is shown by editors and in the documentation; it comes from `defaults.ts`. */
interface TextOptions {
  readonly default?: string | number;
  readonly examples?: readonly (string | number)[];
}

export const Duration = (description: string, options: TextOptions = {}) =>
  Type.String({
    description: `${description} A duration: a number and a unit, \`ms\`, \`s\`, \`m\`, \`h\` or \`d\`.`,
    pattern: '^[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)$',
    'x-kind': 'duration',
    ...options,
  });

export const Share = (description: string, options: TextOptions = {}) =>
  Type.Union(
    [
      Type.String({ pattern: '^(100(\\.0+)?|[0-9]{1,2}(\\.[0-9]+)?)%$', 'x-kind': 'share' }),
      Type.Number({ minimum: 0, maximum: 1 }),
    ],
    { description: `${description} A share: \`10%\` or \`0.1\`.`, 'x-kind': 'share', ...options },
  );

export const Size = (description: string, options: TextOptions = {}) =>
  Type.Union([Type.String({ pattern: '^[0-9]+(\\.[0-9]+)?(B|KB|MB|GB|KiB|MiB|GiB)$' }), Type.Integer({ minimum: 0 })], {
    description: `${description} A size: bytes, or a number with \`KiB\`, \`MiB\`, \`GiB\` (\`KB\` = 1000 bytes).`,
    'x-kind': 'size',
    ...options,
  });

/** One of some words. A union of a mapped list would have the type `never`. */
export const OneOf = <const W extends readonly string[]>(words: W, options: Type.TSchemaOptions) =>
  Type.Unsafe<W[number]>(
    Type.Union(
      words.map((word) => Type.Literal(word)),
      options,
    ),
  );

export const Secret = (description: string) =>
  Type.String({
    description: `${description} A secret: \`\${env:NAME}\` or \`\${file:/run/secrets/x}\`; it is never printed.`,
    pattern: '^\\$\\{(env|file):[^}]+\\}$',
    examples: ['${env:MAKAS_SECRET}'],
    'x-kind': 'secret',
  });

/** Text that may hold `${env:NAME}` or `${file:PATH}` anywhere, such as a URL with a password. */
export const TextWithSecrets = (description: string, example: string) =>
  Type.String({
    description: `${description} May hold \`\${env:NAME}\` or \`\${file:PATH}\`.`,
    minLength: 1,
    examples: [example],
    'x-secrets': true,
  });

export const NAME_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$';

export const Name = (description: string) =>
  Type.String({
    description,
    pattern: NAME_PATTERN,
    'x-expected': 'a name of letters, digits, `.`, `_` and `-`, at most 63, a letter or digit first',
  });

/** An object that refuses keys that it does not know. */
export const Strict = <P extends Type.TProperties>(properties: P, description?: string) =>
  Type.Object(properties, { additionalProperties: false, ...(description === undefined ? {} : { description }) });

/** A map from names to `item`. */
export const Named = <T extends Type.TSchema>(item: T, description: string) =>
  Type.Record(Type.String({ pattern: NAME_PATTERN }), item, { description, additionalProperties: false });

export const Port = (
  description: string,
  options: { readonly default?: number; readonly examples?: readonly number[] },
) => Type.Integer({ minimum: 0, maximum: 65535, description: `${description} 0 takes a free port.`, ...options });
