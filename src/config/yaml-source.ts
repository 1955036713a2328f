import { LineCounter, isMap, isSeq, parseDocument } from 'yaml';
import { type Problem, splitPath } from './problem.ts';
import { convertYaml, keyText, resolveAlias } from './yaml-values.ts';
import type { ConvertedYaml, KeyOutOfOrder } from './yaml-values.ts';

export const MAX_CONFIG_BYTES = 16 * 1024 * 1024;

const MAX_SYNTAX_PROBLEMS = 50;

export interface Place {
  readonly line: number;
  readonly column: number;
}

/** A YAML text as plain values, with a way back from a path to the place in the text. */
export interface YamlSource {
  readonly value: unknown;
  readonly problems: readonly Problem[];
  readonly reordered: readonly KeyOutOfOrder[];
  /** Place of the key or list item at `path`, or of the nearest thing around it that exists. */
  locate(path: string): Place;
}

const START: Place = { line: 1, column: 1 };

/** Reads YAML 1.2 (core schema, no custom tags, no merge keys). Syntax problems leave `value` undefined. */
export function readYaml(text: string): YamlSource {
  if (Buffer.byteLength(text) > MAX_CONFIG_BYTES) {
    return failed([{ ...START, severity: 'error', path: '', message: 'the file is larger than 16 MiB' }]);
  }
  const lines = new LineCounter();
  // Keys are compared by `convertYaml`: the parser's own test takes quadratic time and lets `1` stand beside "1".
  const document = parseDocument(text.replace(/^\uFEFF/, ''), {
    strict: true,
    version: '1.2',
    schema: 'core',
    merge: false,
    resolveKnownTags: false,
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'error',
    lineCounter: lines,
  });
  const place = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const syntax = [...document.errors, ...document.warnings].map((error) => ({
    ...place(error.pos[0]),
    severity: 'error' as const,
    path: '',
    message: `YAML: ${wordSyntaxError(error.message)}`,
  }));
  if (syntax.length > 0) return failed(firstOfEachLine(syntax));

  const converted = convertYaml(document.contents);
  const problems = converted.problems.map(({ offset, ...problem }) => ({ ...problem, ...place(offset) }));
  const { value, reordered } = converted;
  return { value, problems, reordered, locate: (path) => place(findOffset(converted, path)) };
}

function failed(problems: Problem[]): YamlSource {
  return { value: undefined, problems, reordered: [], locate: () => START };
}

/** The parser quotes the text at fault; it may be a password, so the quotation goes. */
function wordSyntaxError(message: string): string {
  if (message === 'Maximum call stack size exceeded') return 'nested too deeply';
  if (message.startsWith('Source contains multiple documents')) return 'more than one document';
  if (message.startsWith('Unresolved tag')) return 'tags such as `!name` are not allowed';
  return message.replace(/:\s.*$/s, '').replace(/ (with|but found) .*"$/s, '');
}

/** One slip makes the parser stumble many times; the first of a line is the one that helps. */
function firstOfEachLine(problems: Problem[]): Problem[] {
  const seen = new Map<number, Problem>();
  for (const problem of problems.toSorted((a, b) => a.line - b.line || a.column - b.column)) {
    if (!seen.has(problem.line)) seen.set(problem.line, problem);
  }
  return [...seen.values()].slice(0, MAX_SYNTAX_PROBLEMS);
}

/** Follows `path` as far as it goes. Keys are pointed at by the key, list items by where they begin. */
function findOffset({ root, anchors, keys }: ConvertedYaml, path: string): number {
  let node = root;
  let offset = root?.range?.[0] ?? 0;
  for (const step of splitPath(path)) {
    const holder = resolveAlias(node, anchors);
    if (isMap(holder) && typeof step === 'string') {
      let index = keys.get(holder);
      if (index === undefined) {
        index = new Map(holder.items.map((pair) => [keyText(pair.key), pair]));
        keys.set(holder, index);
      }
      const pair = index.get(step);
      if (pair === undefined) return offset;
      offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(holder) && typeof step === 'number') {
      const item = holder.items[step];
      if (item === undefined) return offset;
      offset = item.range?.[0] ?? offset;
      node = item;
    } else return offset;
  }
  return offset;
}
