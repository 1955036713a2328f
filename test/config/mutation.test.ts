import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { test } from 'tap';
import { explainSchema } from '../../src/config/explain-schema.ts';
import { prepareConfigText } from '../../src/config/prepare.ts';
import { ProblemList } from '../../src/config/problem.ts';
import { Compile } from 'typebox/compile';
import { configSchema } from '../../src/config/config-schema.ts';
import { Config } from '../../src/config/schema/root.ts';
import { isConfig } from '../../src/config/validate.ts';

const text = readFileSync(join(import.meta.dirname, 'whole.yaml'), 'utf8');
const env = { TOKEN: 'hunter2-token', REDIS: 'hunter2-redis' };

test('the configuration that the mutations begin with is valid', (t) => {
  const prepared = prepareConfigText(text, { env });
  t.same(prepared.problems, []);
  t.ok(prepared.snapshot);
  t.end();
});

const PIECES = [
  ':',
  '-',
  '{',
  '}',
  '[',
  ']',
  '"',
  "'",
  '\n',
  '\t',
  ' ',
  '&a',
  '*a',
  '!!str',
  '<<: ',
  '#',
  '|',
  '0',
  '-1',
  '1e999',
  'null',
  '~',
  '%',
  '${',
  '${env:NO}',
  '\u0000',
  '\uFEFF',
  '\r',
  '? ',
  '---\n',
  '😀',
  'name',
  'backend: x',
];

test('a file with bits cut out, put in and moved never crashes the loader', (t) => {
  const edit = fc.record({
    at: fc.nat(text.length),
    cut: fc.nat(20),
    put: fc.constantFrom('', ...PIECES),
    from: fc.nat(text.length),
  });
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      const mutated = edits.reduce(
        (now, { at, cut, put, from }) =>
          now.slice(0, at) + put + (cut % 3 === 0 ? now.slice(from, from + cut) : '') + now.slice(at + cut),
        text,
      );
      assertTold(prepareConfigText(mutated, { env }));
    }),
    { seed: 42, numRuns: 1500 },
  );
  t.end();
});

const strange = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    '',
    'x',
    '10%',
    '5s',
    'null',
    0,
    -1,
    1.5,
    1e300,
    true,
    [],
    {},
    [[]],
    { a: 1 },
    { default: 0 },
    'request',
  ),
  fc.string({ maxLength: 5 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);

const oracle = Compile(Config);

test('a value replaced by any other is told or taken, and validator, explanation and TypeBox agree', (t) => {
  const valid = readBack(text);
  const paths = listPaths(valid);
  fc.assert(
    fc.property(fc.nat(paths.length - 1), strange, fc.boolean(), (index, value, isKey) => {
      const mutated = structuredClone(valid);
      replaceAt(mutated, paths[index] ?? [], value, isKey);
      const list = new ProblemList();
      explainSchema(configSchema, mutated, '', list);
      if ((list.problems.length === 0) !== isConfig(mutated))
        throw new Error('the validator and the explanation disagree');
      if (isConfig(mutated) !== oracle.Check(mutated)) throw new Error('the validator and TypeBox disagree');
      assertTold(prepareConfigText(JSON.stringify(mutated), { env }));
    }),
    { seed: 43, numRuns: 1500 },
  );
  t.end();
});

function assertTold(prepared: ReturnType<typeof prepareConfigText>): void {
  const errors = prepared.problems.filter((problem) => problem.severity === 'error');
  if ((prepared.snapshot === null) !== errors.length > 0) throw new Error('not so: valid, or told why not');
  if (prepared.problems.some(({ line, column }) => line < 1 || column < 1))
    throw new Error('not so: every problem has a place');
  if (JSON.stringify(prepared.problems).includes('hunter2')) throw new Error('not so: no secret is shown');
}

function readBack(yaml: string): unknown {
  const prepared = prepareConfigText(yaml, { env });
  if (prepared.snapshot === null) throw new Error('not valid');
  return JSON.parse(
    JSON.stringify(prepared.config)
      .replaceAll('hunter2-token', '${env:TOKEN}')
      .replaceAll('hunter2-redis', '${env:REDIS}'),
  );
}

function isHolder(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function listPaths(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (!isHolder(value)) return [path];
  return [path, ...Object.entries(value).flatMap(([key, child]) => listPaths(child, [...path, key]))];
}

/** Puts `value` at a path, or renames the key there. */
function replaceAt(value: unknown, path: readonly string[], replacement: unknown, isKey: boolean): void {
  const last = path.at(-1);
  let holder = value;
  for (const key of path.slice(0, -1)) holder = isHolder(holder) ? holder[key] : undefined;
  if (last === undefined || !isHolder(holder)) return;
  if (isKey && !Array.isArray(holder)) {
    holder[`${last}x`] = holder[last];
    delete holder[last];
  } else holder[last] = replacement;
}
