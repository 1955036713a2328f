import type { Facts } from './facts.ts';
import type { Route } from './snapshot.ts';

/**
 * What a route demands exactly, so that it can be found without trying all. Null: it makes no such demand. A route may be
 * tried in vain, so keys that demand less than the route does are allowed; keys that demand more are not.
 */
export interface RouteKeys {
  readonly models: readonly string[] | null;
  readonly paths: readonly string[] | null;
}

/** Routes that share a key, in the order of the configuration. */
interface Bucket {
  readonly routes: Route[];
  readsBody: boolean;
}

/** Each route is in the buckets of its models, else of its paths, else in `others`. */
export interface RouteIndex {
  readonly byModel: ReadonlyMap<string, Bucket>;
  readonly byPath: ReadonlyMap<string, Bucket>;
  readonly others: Bucket;
  /** The models that routes name, sorted: what the gateway can tell about which models it serves. */
  readonly modelNames: readonly string[];
}

/** Builds the index. `keys[i]` belongs to `routes[i]`; the routes are in the order of the configuration. */
export function buildRouteIndex(routes: readonly Route[], keys: readonly RouteKeys[]): RouteIndex {
  const byModel = new Map<string, Bucket>();
  const byPath = new Map<string, Bucket>();
  const others: Bucket = { routes: [], readsBody: false };
  for (const [i, route] of routes.entries()) {
    const { models, paths } = keys[i] ?? { models: null, paths: null };
    if (models !== null) for (const model of new Set(models)) addTo(byModel, model, route);
    else if (paths !== null) for (const path of new Set(paths)) addTo(byPath, path, route);
    else add(others, route);
  }
  return { byModel, byPath, others, modelNames: [...byModel.keys()].sort() };
}

function addTo(buckets: Map<string, Bucket>, key: string, route: Route): void {
  let bucket = buckets.get(key);
  if (bucket === undefined) buckets.set(key, (bucket = { routes: [], readsBody: false }));
  add(bucket, route);
}

function add(bucket: Bucket, route: Route): void {
  bucket.routes.push(route);
  bucket.readsBody ||= route.readsBody;
}

const none: readonly Route[] = [];

/**
 * The first route, in the order of the configuration, whose match holds; null when there is none. Only routes that name
 * the request's model or path, or neither, are tried: their number, not that of all routes, is the cost. Allocates
 * nothing. `tried`, for explanations, receives the routes that were tried in vain.
 */
export function findRoute(index: RouteIndex, facts: Facts, tried?: Route[]): Route | null {
  const a = index.byModel.get(facts.model)?.routes ?? none;
  // A lookup reads all of the text, even in an empty map.
  const b = index.byPath.size === 0 ? none : (index.byPath.get(facts.path)?.routes ?? none);
  const c = index.others.routes;
  let i = 0;
  let j = 0;
  let k = 0;
  // The three lists are merged by position in the configuration; Infinity stands for a list that is used up.
  for (;;) {
    const atA = a[i]?.index ?? Infinity;
    const atB = b[j]?.index ?? Infinity;
    const atC = c[k]?.index ?? Infinity;
    const route = atA < atB ? (atA < atC ? a[i++] : c[k++]) : atB < atC ? b[j++] : c[k++];
    if (route === undefined) return null;
    if (route.match.holds(facts)) return route;
    tried?.push(route);
  }
}

/**
 * Whether any route that `findRoute` could try needs the body to decide: asked before the body is there, when only model
 * and path are known.
 */
export function mayReadBody(index: RouteIndex, model: string, path: string): boolean {
  return (
    index.others.readsBody || index.byModel.get(model)?.readsBody === true || index.byPath.get(path)?.readsBody === true
  );
}
