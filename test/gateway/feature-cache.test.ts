import { test } from 'tap';

import { type CacheHooks, FeatureCache } from '../../src/gateway/feature-cache.ts';
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

/** A tracked cache at a time that the test sets. */
function tracked(ttlMs = 100) {
  const said: string[] = [];
  const clock = { ms: 0 };
  const hooks: CacheHooks = {
    now: () => clock.ms,
    onSize: () => undefined,
    onInvalidated: () => said.push('invalidated'),
    onFlushed: (reason) => said.push(reason),
    onTracking: (isTracked) => said.push(isTracked ? 'tracked' : 'lost'),
    onRetired: () => said.push('retired'),
  };
  const cache = new FeatureCache<{ isOutdated: boolean }>(10, ttlMs, hooks);
  cache.onTracked();
  said.length = 0;
  return { cache, clock, said };
}

test('a tracked value is fresh until its change is told, but is read again after a minute', async (t) => {
  const { cache, said } = tracked();
  cache.keep('k', entity([1]), 0);
  cache.keep('other', entity([2]), 0);
  t.strictSame(cache.fresh('k', 59_999), entity([1]));
  t.equal(cache.fresh('k', 60_000), undefined);
  cache.onChange('k');
  cache.onChange('unknown');
  t.equal(cache.fresh('k', 1), undefined);
  t.strictSame(cache.lastKnown('k'), entity([1]), 'still the last known one');
  t.ok(cache.fresh('other', 1));
  t.strictSame(said, ['invalidated']);
  cache.keep('k', entity([3]), 2);
  t.strictSame(cache.fresh('k', 3), entity([3]));
});

test('when everything changed nothing is fresh', async (t) => {
  const { cache, said } = tracked();
  cache.keep('k', entity([1]), 0);
  cache.onFlush();
  t.equal(cache.fresh('k', 1), undefined);
  t.ok(cache.lastKnown('k'));
  t.strictSame(said, ['flush']);
});

test('after a loss a value is as fresh as if it had been read then, and after the loss nothing of before is', async (t) => {
  const { cache, clock, said } = tracked();
  cache.keep('k', entity([1]), 0);
  clock.ms = 5000;
  cache.onLost();
  t.ok(cache.fresh('k', 5099));
  t.equal(cache.fresh('k', 5100), undefined);
  cache.keep('new', entity([2]), 6000);
  t.ok(cache.fresh('new', 6099));
  t.equal(cache.fresh('new', 6100), undefined);
  cache.onTracked();
  for (const key of ['k', 'new']) t.equal(cache.fresh(key, 6001), undefined, key);
  t.strictSame(said, ['lost', 'gap', 'tracked']);
});

test('a read under way is not joined any more when its key changed, and marked', async (t) => {
  for (const change of ['onChange', 'onFlush', 'onLost', 'onTracked'] as const) {
    const { cache } = tracked();
    const [flight, other] = [{ isOutdated: false }, { isOutdated: false }];
    cache.flights.set('k', flight);
    cache.flights.set('other', other);
    cache[change]('k');
    t.ok(flight.isOutdated, change);
    t.notOk(cache.flights.has('k'), change);
    t.equal(other.isOutdated, change !== 'onChange', change);
  }
});
