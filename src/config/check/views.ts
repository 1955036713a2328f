import { listWords } from '../expected.ts';
import { type ProblemSink, joinPath, showFound } from '../problem.ts';
import type { ConfigFile } from '../schema/root.ts';
import { didYouMean } from '../suggest.ts';
import { parseDuration } from '../units.ts';
import { checkRedisAddress } from './process.ts';
import { checkWait, refuseKeys } from './values.ts';

export type ViewFile = NonNullable<ConfigFile['features']>[string];

export function checkViews({ features }: ConfigFile, sink: ProblemSink): void {
  for (const [name, view] of Object.entries(features ?? {})) {
    const path = joinPath('features', name);
    checkProvider(view, path, sink);
    checkEntity(view, path, sink);
    checkMissing(view, path, sink);
    checkStale(view, path, sink);
    checkWait(view.timeout, joinPath(path, 'timeout'), sink);
    checkTracking(view, path, sink);
    checkWait(view.cache?.ttl, joinPath(joinPath(path, 'cache'), 'ttl'), sink);
  }
}

const redisKeys = ['url', 'sentinel', 'cluster', 'username', 'password'];

function checkProvider(view: ViewFile, path: string, sink: ProblemSink): void {
  switch (view.provider) {
    case 'embedded':
      refuseKeys(view, redisKeys, 'with the provider `embedded`', path, sink);
      if (view.path === undefined)
        sink.error(path, 'the provider `embedded` needs `path`', { expected: 'a .jsonl or .csv file' });
      else if (!/\.(jsonl|csv)$/.test(view.path)) {
        sink.error(joinPath(path, 'path'), 'not a file of a kind that is read', {
          found: showFound(view.path),
          expected: 'a .jsonl or .csv file',
        });
      }
      return;
    case 'redis-hash':
      refuseKeys(view, ['path', 'keyField'], 'with the provider `redis-hash`', path, sink);
      checkRedis(view, path, sink);
      return;
    default:
      sink.error(
        joinPath(path, 'provider'),
        `provider \`${view.provider}\` is not built yet; use embedded or redis-hash`,
      );
  }
}

function checkRedis(view: ViewFile, path: string, sink: ProblemSink): void {
  const given = (['url', 'sentinel', 'cluster'] as const).filter((key) => view[key] !== undefined);
  if (given.length === 0) {
    sink.error(path, 'the provider `redis-hash` needs `url`, `sentinel` or `cluster`', {
      expected: 'an address such as redis://127.0.0.1:6379',
    });
  } else if (given.length > 1) {
    sink.error(path, 'the provider `redis-hash` needs exactly one of `url`, `sentinel`, `cluster`', {
      found: given.map((key) => `\`${key}\``).join(' and '),
    });
  }
  if (view.url !== undefined) checkRedisAddress(view.url, joinPath(path, 'url'), sink);
  for (const [key, nodes] of [
    ['cluster', view.cluster],
    ['sentinel.nodes', view.sentinel?.nodes],
  ] as const) {
    nodes?.forEach((node, index) => checkRedisAddress(node, `${path}.${key}[${index}]`, sink));
  }
}

function checkTracking(view: ViewFile, path: string, sink: ProblemSink): void {
  if (view.cache?.mode !== 'tracking') return;
  const at = joinPath(joinPath(path, 'cache'), 'mode');
  if (view.provider === 'embedded') {
    sink.error(at, '`tracking` has no meaning with the provider `embedded`, whose values are in memory already');
  } else if (view.cluster !== undefined) {
    sink.error(at, '`tracking` does not work with a Redis Cluster, where each node tells of its own changes only', {
      expected: '`ttl`, or `url` or `sentinel` in place of `cluster`',
    });
  } else if (view.key === undefined || view.key.startsWith('{')) {
    sink.warning(at, 'the key has no text before its first part, so Redis tells of the changes of every key it holds', {
      expected: 'a key such as "flower:{flower_id}"',
    });
  }
}

function checkEntity(view: ViewFile, path: string, sink: ProblemSink): void {
  for (const [name, part] of Object.entries(view.entity)) {
    if (!part.from.startsWith('claim:')) continue;
    sink.error(joinPath(joinPath(joinPath(path, 'entity'), name), 'from'), 'identity claims are not built yet');
  }
  if (view.key === undefined) return;
  const at = joinPath(path, 'key');
  const parts = [...view.key.matchAll(/\{([^{}]*)\}/g)].map(([, part]) => part ?? '');
  if (/[{}]/.test(view.key.replaceAll(/\{[^{}]*\}/g, '')))
    sink.error(at, 'a brace has no partner', { found: showFound(view.key) });
  for (const part of new Set(parts)) {
    if (Object.hasOwn(view.entity, part)) continue;
    sink.error(at, `\`{${part}}\` is no part of the entity${didYouMean(part, Object.keys(view.entity))}`);
  }
  const unused = Object.keys(view.entity).filter((part) => !parts.includes(part));
  if (unused.length > 0) {
    const words = listWords(
      unused.map((part) => `\`${part}\``),
      'and',
    );
    sink.warning(at, `the key does not use ${words} of the entity`);
  }
}

function checkMissing(view: ViewFile, path: string, sink: ProblemSink): void {
  const { onMissing, fields } = view;
  if (typeof onMissing !== 'object') return;
  const at = joinPath(path, 'onMissing');
  if ('default' in onMissing) {
    const unfit = Object.entries(fields).filter(([, type]) => !fitsType(onMissing.default, type));
    if (unfit.length > 0) {
      const words = listWords(
        unfit.map(([name, type]) => `\`${name}\` (${type})`),
        'and',
      );
      sink.error(joinPath(at, 'default'), `the default does not fit ${words}`, {
        found: showFound(onMissing.default),
        hint: 'use `defaults`, with a value for each feature',
      });
    }
    return;
  }
  const defaultsAt = joinPath(at, 'defaults');
  for (const [name, value] of Object.entries(onMissing.defaults)) {
    const type = Object.hasOwn(fields, name) ? fields[name] : undefined;
    const here = joinPath(defaultsAt, name);
    if (type === undefined)
      sink.error(here, `no feature has the name \`${name}\`${didYouMean(name, Object.keys(fields))}`);
    else if (!fitsType(value, type))
      sink.error(here, 'the default does not fit the feature', { found: showFound(value), expected: nameType(type) });
  }
  const without = Object.keys(fields).filter((name) => !Object.hasOwn(onMissing.defaults, name));
  if (without.length === 0) return;
  sink.warning(
    defaultsAt,
    `no default for ${listWords(
      without.map((name) => `\`${name}\``),
      'and',
    )}`,
  );
}

function checkStale(view: ViewFile, path: string, sink: ProblemSink): void {
  if (view.onStale === undefined) return;
  const at = joinPath(path, 'onStale');
  if (view.timestamp === undefined)
    sink.error(at, '`onStale` needs `timestamp`, the field that holds the time of the values');
  if (parseDuration(view.onStale.maxAge) === 0) {
    sink.error(joinPath(at, 'maxAge'), 'too short', {
      found: showFound(view.onStale.maxAge),
      expected: 'at least 1ms',
    });
  }
  if (view.onStale.then === 'default' && typeof view.onMissing !== 'object') {
    sink.error(joinPath(at, 'then'), '`default` needs a default in `onMissing`', {
      expected: 'onMissing: { default: VALUE }',
    });
  }
}

function fitsType(value: string | number | boolean, type: string): boolean {
  switch (type) {
    case 'string':
      return typeof value === 'string';
    case 'bool':
      return typeof value === 'boolean';
    case 'int':
      return Number.isSafeInteger(value) || (typeof value === 'string' && isInt64(value));
    default:
      return typeof value === 'number';
  }
}

function isInt64(text: string): boolean {
  return /^-?\d{1,19}$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text);
}

function nameType(type: string): string {
  if (type === 'string') return 'a text';
  if (type === 'bool') return 'true or false';
  return type === 'int' ? 'a whole number' : 'a number';
}
