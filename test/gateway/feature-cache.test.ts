import { test } from 'tap';

import { FeatureCache } from '../../src/gateway/feature-cache.ts';
import { entity } from './feature-fixtures.ts';

test('a value is fresh until its time to live ends, and last known for ever', async (t) => {
  const cache = new FeatureCache(10, 100);
  cache.keep('k', entity([1]), 1000);
  t.strictSame(cache.fresh('k', 1099), entity([1]));
  t.equal(cache.fresh('k', 1100), undefined);
  t.strictSame(cache.lastKnown('k'), entity([1]));
});

test('the least recently used entity is dropped', async (t) => {
  const cache = new FeatureCache(2, 100);
  cache.keep('a', entity([1]), 0);
  cache.keep('b', entity([2]), 0);
  cache.fresh('a', 1);
  cache.keep('c', entity([3]), 0);
  t.equal(cache.size, 2);
  t.equal(cache.lastKnown('b'), undefined);
  t.ok(cache.lastKnown('a'));
});

test('the largest cache that can be configured costs nothing while it is empty', async (t) => {
  const cache = new FeatureCache(100_000_000, 100);
  cache.keep('k', entity([1]), 1000);
  t.ok(cache.fresh('k', 1001));
});

test('a slow read does not replace what a later one brought', async (t) => {
  const cache = new FeatureCache(10, 100);
  cache.keep('k', entity([2]), 20);
  cache.keep('k', entity([1]), 10);
  t.strictSame(cache.lastKnown('k'), entity([2]));
});

test('values with unreadable ones among them do not replace good ones', async (t) => {
  const cache = new FeatureCache(10, 100);
  cache.keep('k', entity([1, 2]), 10);
  cache.keep('k', { found: true, values: [undefined, 3], timeMs: null, bad: ['a'] }, 20);
  t.strictSame(cache.lastKnown('k'), entity([1, 2]));
});

test('a cache without a time to live serves last known values only', async (t) => {
  const cache = new FeatureCache(10, 0);
  cache.keep('k', entity([1]), 10);
  t.equal(cache.fresh('k', 10), undefined);
  t.ok(cache.lastKnown('k'));
});
