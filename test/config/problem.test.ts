import * as fc from 'fast-check';
import { test } from 'tap';
import { formatProblem, joinPath, showFound, splitPath } from '../../src/config/problem.ts';

test('a path reads as people write it', (t) => {
  t.equal(joinPath(joinPath(joinPath('routes', 0), 'rules'), 1), 'routes[0].rules[1]');
  t.equal(joinPath('backends', 'iris.v1'), 'backends["iris.v1"]');
  t.equal(joinPath('', 'routes'), 'routes');
  t.end();
});

test('a path leads back to the keys that it was made of', (t) => {
  const steps = fc.array(
    fc.oneof(fc.string({ minLength: 1 }), fc.nat(), fc.constantFrom('a', 'x-tier', '1', 'a]', '"')),
  );
  fc.assert(
    fc.property(steps, (keys) => {
      const path = keys.reduce((at: string, key) => joinPath(at, key), '');
      t.same(splitPath(path), keys, path);
    }),
    { seed: 11, numRuns: 300 },
  );
  t.end();
});

test('what was found is shown short and without passwords', (t) => {
  t.equal(showFound('a'.repeat(100)), `"${'a'.repeat(57)}..."`);
  t.equal(showFound('redis://user:pass@host'), '"redis://***@host"');
  t.equal(showFound(null), 'nothing');
  t.equal(showFound([]), 'an empty list');
  t.equal(showFound({ a: 1 }), 'a map');
  t.equal(showFound(false), 'false');
  t.end();
});

test('a problem is one line with its place first', (t) => {
  const problem = {
    severity: 'error',
    path: 'a.b',
    line: 3,
    column: 7,
    message: 'too small',
    found: '1',
    expected: '2',
    hint: 'add 1',
  } as const;
  t.equal(formatProblem(problem, 'f.yaml'), 'f.yaml:3:7 a.b: too small (found 1, expected 2); add 1');
  t.equal(
    formatProblem({ ...problem, severity: 'warning', path: '' }, 'f'),
    'f:3:7 warning: too small (found 1, expected 2); add 1',
  );
  t.end();
});
