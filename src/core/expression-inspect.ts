import type { ASTNode } from '@marcbachmann/cel-js';
import { compilePattern } from './pattern.ts';

/** Calls that run their arguments once for each element of a list. */
const loops = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);

/** What is known of the place of a node. */
interface Place {
  readonly isInLoop: boolean;
}

/**
 * Walks a parsed expression before it is checked. Finds out whether it reads the body; puts compiled patterns in place
 * of the texts given to `matches`; refuses what could take more than linear time on what a client sends:
 * - a pattern that is no literal, or that RE2 refuses;
 * - `body` inside a loop over a list, as `body.a.all(x, x in body.b)`: the square of a body's size is a long time.
 *   Elements of elements, `body.rows.all(row, row.all(x, x > 0.0))`, are fine;
 * - `duration` of anything but a literal, because the library reads it by backtracking.
 * `failureOf` tells why a literal call cannot be evaluated, or null.
 */
export function inspectExpression(
  root: ASTNode,
  failureOf: (node: ASTNode) => string | null,
): { readonly readsBody: boolean } | { readonly error: string } {
  let readsBody = false;
  let error: string | null = null;

  function visit(node: ASTNode, place: Place): void {
    if (error !== null) return;
    if (node.op === 'id' && node.args === 'body') {
      readsBody = true;
      if (place.isInLoop) error = '`body` cannot be used again inside all, exists, exists_one, map or filter';
    }
    if (node.op === 'rcall' && node.args[0] === 'matches') error ??= replacePattern(node.args[2]);
    if (node.op === 'call' && (node.args[0] === 'duration' || node.args[0] === 'timestamp')) {
      error ??= checkTime(node, node.args[0], node.args[1]);
    }
    for (const child of childrenOf(node)) visit(child, place);
    if (node.op === 'rcall') {
      const inner = loops.has(node.args[0]) ? { isInLoop: true } : place;
      for (const argument of node.args[2]) visit(argument, inner);
    }
  }

  function checkTime(node: ASTNode, name: string, args: readonly ASTNode[]): string | null {
    if (args[0]?.op === 'value') return failureOf(node);
    return name === 'duration' ? 'duration() takes a literal, such as duration("1h")' : null;
  }

  visit(root, { isInLoop: false });
  return error === null ? { readsBody } : { error };
}

/** Compiles the pattern of a `matches` call, in place. Gives the error, or null. */
function replacePattern(args: readonly ASTNode[]): string | null {
  const argument = args[0];
  if (args.length !== 1 || argument?.op !== 'value' || typeof argument.args !== 'string') {
    return 'matches() takes one literal pattern';
  }
  const pattern = compilePattern(argument.args);
  if ('error' in pattern) return `matches(): ${pattern.error}`;
  // The type of the node knows only literals of the language; `expression.ts` has taught it patterns.
  Object.assign(argument, { args: pattern });
  return null;
}

/** The nodes directly below one, without the arguments of a method call. */
function childrenOf(node: ASTNode): readonly ASTNode[] {
  switch (node.op) {
    case 'value':
    case 'id':
      return [];
    case '.':
    case '.?':
      return [node.args[0]];
    case 'call':
      return node.args[1];
    case 'rcall':
      return [node.args[1]];
    case 'list':
    case '?:':
      return node.args;
    case 'map':
      return node.args.flat();
    case '!_':
    case '-_':
      return [node.args];
    default:
      return node.args;
  }
}
