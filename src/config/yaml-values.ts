import { isAlias, isMap, isScalar, isSeq } from 'yaml';
import type { Alias, Pair, ParsedNode, Scalar, YAMLMap, YAMLSeq } from 'yaml';
import { type ConfigProblem, joinPath, showFound } from './problem.ts';

/** Bounds on what a small file may unfold to: values that come from aliases, and nesting. */
const MAX_ALIASED_VALUES = 1_000_000;
const MAX_DEPTH = 64;

type Node = ParsedNode | null;
type ParsedPair = Pair<ParsedNode, Node>;

/** What each alias stands for. */
export type Anchors = Map<Alias, Node>;

export interface ConvertedYaml {
  readonly root: Node;
  readonly value: unknown;
  readonly problems: readonly (ConfigProblem & { readonly offset: number })[];
  /** Maps whose keys do not come out in the order in which they are written, with a key at fault. */
  readonly reordered: readonly KeyOutOfOrder[];
  readonly anchors: Anchors;
  /** Pairs by key, filled by those who look up places. */
  readonly keys: Map<object, Map<string, ParsedPair>>;
}

export interface KeyOutOfOrder {
  readonly path: string;
  readonly key: string;
}

interface Anchored {
  readonly node: Node;
  value: unknown;
  /** Values within, aliases counted as often as they unfold; undefined while it is being read. */
  size: number | undefined;
}

interface Conversion {
  readonly problems: (ConfigProblem & { offset: number })[];
  readonly reordered: KeyOutOfOrder[];
  readonly anchors: Anchors;
  readonly byName: Map<string, Anchored>;
  /** Values so far, and how many of them come from aliases. */
  size: number;
  aliased: number;
}

/**
 * Turns parsed YAML into plain values. Maps become objects without a prototype, so that a backend named `constructor`
 * is neither found where there is none nor lost where there is one. Aliases share the value of their anchor.
 */
export function convertYaml(root: Node): ConvertedYaml {
  const conversion: Conversion = {
    problems: [],
    reordered: [],
    anchors: new Map(),
    byName: new Map(),
    size: 0,
    aliased: 0,
  };
  const value = convert(root, '', 0, conversion);
  const { problems, reordered, anchors } = conversion;
  return { root, value, problems, reordered, anchors, keys: new Map() };
}

/** The text of a key: a number stands as it is written (`05`, `1.0`), since it names something. */
export function keyText(key: ParsedNode): string {
  if (!isScalar(key)) return '';
  return typeof key.value === 'string' ? key.value : (key.source ?? '');
}

/** The node that an alias stands for, or the node itself. */
export function resolveAlias(node: Node, anchors: Anchors): Node {
  return isAlias(node) ? (anchors.get(node) ?? null) : node;
}

function convert(node: Node, path: string, depth: number, to: Conversion): unknown {
  to.size += 1;
  if (node === null) return null;
  if (depth > MAX_DEPTH)
    return report(to, node, path, 'nested too deeply', { expected: `at most ${MAX_DEPTH} levels` });
  if (isAlias(node)) return convertAlias(node, path, to);

  const before = to.size;
  const anchored: Anchored | undefined =
    node.anchor === undefined ? undefined : { node, value: undefined, size: undefined };
  if (anchored !== undefined) to.byName.set(node.anchor ?? '', anchored);

  let value: unknown;
  if (isMap(node)) value = convertMap(node, path, depth, to);
  else if (isSeq(node)) value = convertList(node, path, depth, to);
  else value = convertScalar(node, path, to);

  if (anchored !== undefined) {
    anchored.value = value;
    anchored.size = to.size - before + 1;
  }
  return value;
}

function convertAlias(alias: Alias.Parsed, path: string, to: Conversion): unknown {
  const anchored = to.byName.get(alias.source);
  if (anchored === undefined) return report(to, alias, path, `no anchor \`&${alias.source}\` before this alias`);
  if (anchored.size === undefined)
    return report(to, alias, path, `the alias \`*${alias.source}\` stands within itself`);
  to.anchors.set(alias, anchored.node);
  to.size += anchored.size;
  to.aliased += anchored.size;
  if (to.aliased <= MAX_ALIASED_VALUES) return anchored.value;
  if (to.aliased - anchored.size > MAX_ALIASED_VALUES) return null;
  return report(to, alias, path, 'the aliases unfold to too many values', {
    expected: `at most ${MAX_ALIASED_VALUES}`,
  });
}

function convertMap(map: YAMLMap.Parsed, path: string, depth: number, to: Conversion): unknown {
  const value: Record<string, unknown> = Object.create(null);
  const written: string[] = [];
  for (const { key, value: child } of map.items) {
    const name = keyText(key);
    if (!isScalar(key)) report(to, key, path, 'a key must be a plain text');
    else if (name === '') report(to, key, path, 'a key is empty');
    else if (name === '__proto__') report(to, key, path, 'the key `__proto__` is not allowed');
    else if (Object.hasOwn(value, name)) report(to, key, joinPath(path, name), `the key \`${name}\` is there twice`);
    else {
      written.push(name);
      value[name] = convert(child, joinPath(path, name), depth + 1, to);
    }
  }
  const moved = Object.keys(value).find((name, index) => name !== written[index]);
  if (moved !== undefined) to.reordered.push({ path, key: moved });
  return value;
}

function convertList(list: YAMLSeq.Parsed, path: string, depth: number, to: Conversion): unknown {
  return list.items.map((item, index) => convert(item, joinPath(path, index), depth + 1, to));
}

function convertScalar(scalar: Scalar.Parsed, path: string, to: Conversion): unknown {
  const { value } = scalar;
  if (typeof value !== 'number') return value;
  if (!Number.isFinite(value)) {
    return report(to, scalar, path, 'not a finite number', { found: scalar.source ?? String(value) });
  }
  if (Number.isInteger(value) && !Number.isSafeInteger(value) && /^[-+]?\d+$/.test(scalar.source ?? '')) {
    return report(to, scalar, path, 'a whole number too large to be exact', {
      found: showFound(scalar.source).slice(1, -1),
      hint: 'put it in quotes where a text is taken',
    });
  }
  return value;
}

function report(
  to: Conversion,
  node: ParsedNode,
  path: string,
  message: string,
  details: { found?: string; expected?: string; hint?: string } = {},
): null {
  to.problems.push({ severity: 'error', path, message, ...details, offset: node.range?.[0] ?? 0 });
  return null;
}
