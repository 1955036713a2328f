import * as fc from 'fast-check';
import { test } from 'tap';
import { didYouMean, editDistance, suggest } from '../../src/config/suggest.ts';

test('a slip of the fingers costs one edit, swapped neighbours too', (t) => {
  t.equal(editDistance('backend', 'backend'), 0);
  t.equal(editDistance('backnd', 'backend'), 1);
  t.equal(editDistance('bakcend', 'backend'), 1);
  t.equal(editDistance('backends', 'backend'), 1);
  t.equal(editDistance('', 'abc'), 3);
  t.end();
});

test('the distance is symmetric and at most the longer length', (t) => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
      const distance = editDistance(a, b);
      return (
        distance === editDistance(b, a) && distance <= Math.max(a.length, b.length) && (distance === 0) === (a === b)
      );
    }),
    { seed: 7, numRuns: 300 },
  );
  t.end();
});

test('the nearest name is suggested, and none when nothing is near', (t) => {
  t.equal(suggest('backnd', ['split', 'backend', 'bandit']), 'backend');
  t.equal(suggest('TIMEOUT', ['timeout']), 'timeout');
  t.equal(suggest('zone', ['model', 'queue']), null);
  t.equal(suggest('b', ['a']), null, 'a name of one letter is not like another');
  t.equal(didYouMean('modle', ['model']), '; did you mean `model`?');
  t.equal(didYouMean('zone', ['model']), '');
  t.end();
});
