import { compileKey, isKey, type Key } from './json-key.ts';
import { kindAt, maxDepth, skipSpace, skipString, skipValue, type Span } from './json-scan.ts';

/** Longer paths are refused when they are compiled; the scan recurses once per step. */
const maxSteps = 64;

/** One step: an object key, which in an array is also an index when it is written as one. */
interface Step {
  readonly key: Key;
  /** The array index, or -1. */
  readonly index: number;
}

/** Where a value is, from the root; no steps means the whole document. */
export interface Path {
  readonly steps: readonly Step[];
  readonly set: PathSet;
}

interface PathNode {
  readonly children: { readonly step: Step; readonly node: PathNode }[];
  /** Positions in the answer that this node's value fills. */
  readonly leaves: number[];
}

/** Several paths to be found in one scan. */
export interface PathSet {
  readonly root: PathNode;
  readonly count: number;
}

/**
 * Compiles a dot path such as `parameters.flower_id` or `instances.0.id`; a dot or backslash inside a key is written
 * `\.` or `\\`. Null when a step is empty, a backslash escapes nothing, or there are more than 64 steps.
 */
export function compilePath(text: string): Path | null {
  const names = [''];
  for (let i = 0; i < text.length; i++) {
    const c = text.charAt(i);
    if (c === '.') {
      names.push('');
      continue;
    }
    const escaped = c === '\\' ? text.charAt(++i) : c;
    if (c === '\\' && escaped !== '.' && escaped !== '\\') return null;
    names[names.length - 1] += escaped;
  }
  return names.includes('') ? null : compileSteps(names);
}

/**
 * Compiles a JSON pointer (RFC 6901) such as `/a/b~1c`; the empty text is the whole document. Null when it does not
 * begin with a slash, holds a bad `~` escape, or has more than 64 steps.
 */
export function compilePointer(text: string): Path | null {
  if (text === '') return compileSteps([]);
  if (!text.startsWith('/') || /~(?![01])/.test(text)) return null;
  const names = text.slice(1).split('/');
  return compileSteps(names.map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~')));
}

/** Compiles a path from its keys as they are. Null when there are more than 64. */
export function compileSteps(names: readonly string[]): Path | null {
  return names.length > maxSteps ? null : pathOf(names);
}

/** A path whose few keys the code itself names; `compileSteps` is for paths that people write. */
export function pathOf(names: readonly string[]): Path {
  const steps = names.map((name) => ({
    key: compileKey(name),
    index: /^(0|[1-9][0-9]{0,8})$/.test(name) ? Number(name) : -1,
  }));
  return { steps, set: compileSet([steps]) };
}

/** Joins paths so that one scan finds them all; `findFields` answers in the order given here. */
export function compilePaths(paths: readonly Path[]): PathSet {
  return compileSet(paths.map((path) => path.steps));
}

/**
 * The value at a path, or null when it is absent or the body is not exactly one JSON value. Of duplicate keys the last
 * wins, at every level, as in `JSON.parse`; keys are compared unescaped.
 */
export function findField(body: Uint8Array, path: Path): Span | null {
  return findFields(body, path.set)[0] ?? null;
}

/** `findField` for several paths in one scan; all null when the body is not exactly one JSON value. */
export function findFields(body: Uint8Array, set: PathSet): (Span | null)[] {
  const found = emptyAnswer(set);
  const end = scan(body, skipSpace(body, 0), set.root, 0, found);
  return end !== -1 && skipSpace(body, end) === body.length ? found : emptyAnswer(set);
}

/** `findFields` inside a value that the scanner accepted, with paths from that value. */
export function findFieldsIn(body: Uint8Array, span: Span, set: PathSet): (Span | null)[] {
  const found = emptyAnswer(set);
  scan(body, span.start, set.root, 0, found);
  return found;
}

/**
 * `findFieldsIn` for the value that begins at `start`, whose end is not known yet; fills in `found` and returns the end.
 * -1 when it is malformed.
 */
export function findFieldsAt(body: Uint8Array, start: number, set: PathSet, found: (Span | null)[]): number {
  for (let i = 0; i < set.count; i++) found[i] = null;
  return scan(body, start, set.root, 0, found);
}

function emptyAnswer(set: PathSet): (Span | null)[] {
  return new Array<null>(set.count).fill(null);
}

function compileSet(paths: readonly (readonly Step[])[]): PathSet {
  const root: PathNode = { children: [], leaves: [] };
  for (const [position, steps] of paths.entries()) {
    let node = root;
    for (const step of steps) {
      let child = node.children.find((other) => other.step.key.text === step.key.text);
      if (child === undefined) node.children.push((child = { step, node: { children: [], leaves: [] } }));
      node = child.node;
    }
    node.leaves.push(position);
  }
  return { root, count: paths.length };
}

function scan(body: Uint8Array, at: number, node: PathNode, depth: number, found: (Span | null)[]): number {
  const kind = kindAt(body, at);
  const isContainer = kind === 'object' || kind === 'array';
  let end: number;
  if (isContainer && node.children.length > 0) {
    end = depth >= maxDepth ? -1 : scanContainer(body, at, kind === 'object', node, depth + 1, found);
  } else {
    end = skipValue(body, at, depth);
  }
  if (end !== -1) for (const leaf of node.leaves) found[leaf] = { start: at, end, kind };
  return end;
}

function scanContainer(
  body: Uint8Array,
  at: number,
  isObject: boolean,
  node: PathNode,
  depth: number,
  found: (Span | null)[],
): number {
  const close = isObject ? 0x7d : 0x5d;
  let i = skipSpace(body, at + 1);
  if (body[i] === close) return i + 1;
  for (let index = 0; ; index++) {
    let child: PathNode | undefined;
    if (isObject) {
      const keyEnd = body[i] === 0x22 ? skipString(body, i) : -1;
      if (keyEnd === -1) return -1;
      child = childByKey(body, i, keyEnd, node);
      const colon = skipSpace(body, keyEnd);
      if (body[colon] !== 0x3a) return -1;
      i = skipSpace(body, colon + 1);
    } else {
      child = childByIndex(node, index);
    }
    // A repeated key starts again from nothing, so that what only the earlier one held is not found.
    if (child !== undefined) clear(child, found);
    i = child === undefined ? skipValue(body, i, depth) : scan(body, i, child, depth, found);
    if (i === -1) return -1;
    i = skipSpace(body, i);
    if (body[i] === close) return i + 1;
    if (body[i] !== 0x2c) return -1;
    i = skipSpace(body, i + 1);
  }
}

function childByKey(body: Uint8Array, start: number, end: number, node: PathNode): PathNode | undefined {
  const { children } = node;
  for (let i = 0; i < children.length; i++) {
    const child = children[i]!;
    if (isKey(body, start, end, child.step.key)) return child.node;
  }
  return undefined;
}

function childByIndex(node: PathNode, index: number): PathNode | undefined {
  for (const child of node.children) if (child.step.index === index) return child.node;
  return undefined;
}

function clear(node: PathNode, found: (Span | null)[]): void {
  for (const leaf of node.leaves) found[leaf] = null;
  for (const child of node.children) clear(child.node, found);
}
