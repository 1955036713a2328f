import * as fc from 'fast-check';
import { test } from 'tap';

import type { Facts } from '../../src/core/facts.ts';
import { buildRouteIndex, findRoute, mayReadBody, type RouteKeys } from '../../src/core/route-index.ts';
import type { Route } from '../../src/core/snapshot.ts';
import { describe } from '../support/described.ts';

const anything: RouteKeys = { models: null, paths: null };

/** A route that counts how often it is tried. */
function countingRoute(index: number, holds: (facts: Facts) => boolean, tries: { count: number }): Route {
  return {
    index,
    name: `route-${index}`,
    match: {
      parts: [],
      holds(facts) {
        tries.count++;
        return holds(facts);
      },
    },
    unit: { from: 'request' },
    unitText: 'request',
    expose: false,
    seldonRoute: false,
    decisionParameter: null,
    allowed: new Set(),
    rules: [],
    readsBody: false,
  };
}

function requestFor(model: string): Facts {
  return describe({ path: `/v2/models/${model}/infer` });
}

test('with 10,000 routes by model the last is found with as many tries as the first', async (t) => {
  const tries = { count: 0 };
  const models = Array.from({ length: 10_000 }, (_, i) => `model-${i}`);
  const routes = models.map((model, i) => countingRoute(i, (facts) => facts.model === model, tries));
  const index = buildRouteIndex(
    routes,
    models.map((model) => ({ models: [model], paths: null })),
  );
  for (const i of [0, 5000, 9999]) {
    tries.count = 0;
    t.equal(findRoute(index, requestFor(`model-${i}`))?.name, `route-${i}`);
    t.equal(tries.count, 1);
  }
  tries.count = 0;
  t.equal(findRoute(index, requestFor('unknown')), null);
  t.equal(tries.count, 0);
});

test('routes by exact path and routes without a model are tried in the order of the configuration', async (t) => {
  const tries = { count: 0 };
  const path = '/v2/models/b/infer';
  const routes = [
    countingRoute(0, () => false, tries),
    countingRoute(1, () => false, tries),
    countingRoute(2, () => false, tries),
    countingRoute(3, () => true, tries),
    countingRoute(4, () => true, tries),
  ];
  const keys: RouteKeys[] = [
    anything,
    { models: ['a', 'b', 'b'], paths: null },
    { models: null, paths: [path] },
    { models: null, paths: ['/v2/models/other/infer'] },
    anything,
  ];
  const index = buildRouteIndex(routes, keys);
  const tried: Route[] = [];
  t.equal(findRoute(index, requestFor('b'), tried)?.name, 'route-4');
  t.strictSame(
    tried.map((route) => route.name),
    ['route-0', 'route-1', 'route-2'],
  );
});

test('the index finds the same route as trying all in order', async () => {
  const names = fc.constantFrom('a', 'b', 'c');
  const route = fc.record({
    models: fc.option(fc.array(names, { minLength: 1, maxLength: 3 })),
    paths: fc.option(fc.array(names, { minLength: 1, maxLength: 2 })),
    tier: fc.option(fc.constantFrom('gold', 'lead')),
  });
  const property = fc.property(
    fc.array(route, { maxLength: 30 }),
    names,
    fc.constantFrom('gold', 'lead', 'none'),
    (list, model, tier) => {
      const pathOf = (name: string): string => `/v2/models/${name}/infer`;
      const routes = list.map((made, i) =>
        countingRoute(
          i,
          (facts) =>
            (made.models === null || made.models.some((name) => name === facts.model)) &&
            (made.paths === null || made.paths.map(pathOf).includes(facts.path)) &&
            (made.tier === null || made.tier === facts.header('x-tier')),
          { count: 0 },
        ),
      );
      const keys = list.map((made) => ({ models: made.models, paths: made.paths?.map(pathOf) ?? null }));
      const facts = describe({ path: pathOf(model), headers: { 'x-tier': tier } });
      const naive = routes.find((each) => each.match.holds(facts)) ?? null;
      return findRoute(buildRouteIndex(routes, keys), facts) === naive;
    },
  );
  fc.assert(property, { seed: 20_260_001, numRuns: 500 });
});

test('whether the body may be read depends on the routes that could be tried', async (t) => {
  const tries = { count: 0 };
  const reading = { ...countingRoute(0, () => true, tries), readsBody: true };
  const plain = countingRoute(1, () => true, tries);
  const index = buildRouteIndex(
    [reading, plain],
    [
      { models: ['a'], paths: null },
      { models: ['b'], paths: null },
    ],
  );
  t.ok(mayReadBody(index, 'a', '/x'));
  t.notOk(mayReadBody(index, 'b', '/x'));
  t.notOk(mayReadBody(index, 'unknown', '/x'));
  const byPath = buildRouteIndex([reading, plain], [{ models: null, paths: ['/x'] }, anything]);
  t.ok(mayReadBody(byPath, 'b', '/x'));
  t.notOk(mayReadBody(byPath, 'b', '/y'));
  t.ok(mayReadBody(buildRouteIndex([reading], [anything]), 'b', '/y'));
});
