import { test } from 'tap';
import { quantile, spreadOf } from '../../bench/statistics.ts';

test('the quantile interpolates between neighbours, as R does by default', (t) => {
  // R: quantile(c(7, 1, 3, 10), c(.25, .5, .75, .99)) gives 2.5, 5, 7.75, 9.91.
  const values = [7, 1, 3, 10];
  t.equal(quantile(values, 0.25), 2.5);
  t.equal(quantile(values, 0.5), 5);
  t.equal(quantile(values, 0.75), 7.75);
  t.ok(Math.abs(quantile(values, 0.99) - 9.91) < 1e-12);
  t.end();
});

test('the quantile of one value is that value, and of none is an error', (t) => {
  t.equal(quantile([4], 0.9), 4);
  t.throws(() => quantile([], 0.5), RangeError);
  t.end();
});

test('values are sorted as numbers and left as they were', (t) => {
  const values = [10, 9, 100];
  t.equal(quantile(values, 0.5), 10);
  t.same(values, [10, 9, 100]);
  t.end();
});

test('the spread of no values is null', (t) => {
  t.equal(spreadOf([]), null);
  t.same(spreadOf([1, 2, 3, 4, 5]), { median: 3, q1: 2, q3: 4 });
  t.end();
});
