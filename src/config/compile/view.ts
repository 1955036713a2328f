import { murmur3 } from '../../core/hash.ts';
import type { FeatureField, FeatureView, FieldType, Into, StoreSettings } from '../../core/snapshot.ts';
import { defaults } from '../defaults.ts';
import { joinPath, showFound, type ProblemSink } from '../problem.ts';
import type { ConfigFile } from '../schema/root.ts';
import { parseDuration } from '../units.ts';
import { compileEntity, compileKey } from './entity.ts';
import { compileFields } from './field.ts';
import { parsePointer } from './source.ts';

type ViewConfig = NonNullable<ConfigFile['features']>[string];

/** Compiles a feature view; null when it cannot be used. */
export function compileView(
  index: number,
  name: string,
  config: ViewConfig,
  path: string,
  problems: ProblemSink,
): FeatureView | null {
  const store = compileStore(config);
  const entity = compileEntity(config.entity, joinPath(path, 'entity'), problems);
  const key = entity === null ? null : compileKey(config.key, entity);
  const fields = compileFields(config);
  const into = compileInto(config.into, fields ?? [], joinPath(path, 'into'), problems);
  if (store === null || entity === null || key === null || fields === null || into === null) return null;
  const { onMissing, onStale } = config;
  return {
    index,
    name,
    store,
    entity,
    key,
    fields,
    timestamp: config.timestamp ?? null,
    into,
    prefer: config.prefer ?? defaults.view.prefer,
    onMissing: typeof onMissing === 'object' ? 'default' : (onMissing ?? defaults.view.onMissing),
    onStale: compileStale(onStale),
    onError: config.onError ?? defaults.view.onError,
    timeoutMs: parseDuration(config.timeout ?? defaults.view.timeout),
    cache: compileCache(config.cache),
  };
}

function compileStore(config: ViewConfig): StoreSettings | null {
  const { provider, path } = config;
  if (provider === 'embedded' && path !== undefined) {
    const keyField = config.keyField ?? defaults.view.keyField;
    return { kind: 'embedded', id: `embedded ${path} ${keyField}`, path, keyField };
  }
  return provider === 'redis-hash' ? compileRedis(config) : null;
}

function compileRedis({ url, sentinel, cluster, username, password }: ViewConfig): StoreSettings | null {
  const addresses = [url ?? [], sentinel?.nodes ?? [], cluster ?? []].flat();
  if (addresses.length === 0 || !addresses.every((address) => URL.canParse(address))) return null;
  // The id may be logged, so it holds no password; the hash tells the users of one host apart.
  const places = addresses.map((address) => `${new URL(address).host}${new URL(address).pathname}`);
  const whole = JSON.stringify([url, sentinel, cluster, username, password]);
  return {
    kind: 'redis-hash',
    id: `redis-hash ${sentinel === undefined ? '' : `${sentinel.name} `}${places.join(' ')} ${murmur3(whole).toString(16)}`,
    ...(url === undefined ? {} : { url }),
    ...(sentinel === undefined ? {} : { sentinel }),
    ...(cluster === undefined ? {} : { cluster }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  };
}

/** Field types whose values a tensor of a datatype can hold. */
const fitting: Readonly<Record<string, readonly FieldType[]>> = {
  FP32: ['float', 'double', 'int', 'bool'],
  FP64: ['float', 'double', 'int', 'bool'],
  INT32: ['int', 'bool'],
  INT64: ['int', 'bool'],
  BOOL: ['bool', 'int'],
  BYTES: ['float', 'double', 'int', 'bool', 'string'],
};

function compileInto(
  config: ViewConfig['into'],
  fields: readonly FeatureField[],
  path: string,
  problems: ProblemSink,
): Into | null {
  if ('tensor' in config) {
    const { tensor, datatype } = config;
    for (const { name, type } of fields) {
      if (fitting[datatype]?.includes(type) !== false) continue;
      const message = `a tensor of ${datatype} cannot hold the field ${name} of type ${type}`;
      problems.error(joinPath(path, 'datatype'), message, { found: datatype });
    }
    return { kind: 'tensor', name: tensor, datatype };
  }
  if ('tensors' in config) return { kind: 'tensors' };
  if ('columns' in config) return { kind: 'columns', position: config.columns };
  if ('parameters' in config) return { kind: 'parameters', prefix: config.parameters };
  const pointer = parsePointer(config.pointer);
  if (pointer !== null) return { kind: 'pointer', path: pointer };
  const details = { found: showFound(config.pointer), expected: 'such as /features' };
  problems.error(joinPath(path, 'pointer'), 'this is not a JSON pointer', details);
  return null;
}

function compileStale(config: ViewConfig['onStale']): FeatureView['onStale'] {
  if (config === undefined) return null;
  // The word of the language; nobody awaits a snapshot.
  // oxlint-disable-next-line unicorn/no-thenable
  return { maxAgeMs: parseDuration(config.maxAge), then: config.then ?? defaults.view.staleThen };
}

function compileCache(config: ViewConfig['cache']): FeatureView['cache'] {
  const mode = config?.mode ?? defaults.view.cacheMode;
  if (mode === 'off') return null;
  const { max, ttl } = defaults.view.cache;
  return { mode, max: config?.max ?? max, ttlMs: parseDuration(config?.ttl ?? ttl) };
}
