import { Environment, type ASTNode, type ParseResult } from '@marcbachmann/cel-js';
import { inspectExpression } from './expression-inspect.ts';
import type { Facts } from './facts.ts';
import { Pattern } from './pattern.ts';

/** A compiled CEL expression (https://cel.dev) over the facts of a request. */
export interface Expression {
  readonly text: string;
  /** Whether it looks at the body, which then must be there and is parsed whole. */
  readonly readsBody: boolean;
  /**
   * Whether the expression is true. An expression that fails does not hold: `headers["x-tier"] != "beta"` is an error,
   * and so false, when the header is not there; `!("x-tier" in headers) || ...` says what is meant then.
   */
  holds(facts: Facts): boolean;
  /** Its outcome in words, for explanations: `true`, `false`, or the error. */
  outcome(facts: Facts): string;
}

const environment = new Environment({
  unlistedVariablesAreDyn: false,
  limits: { maxAstNodes: 500, maxDepth: 32, maxListElements: 256, maxMapEntries: 64, maxCallArguments: 8 },
});
for (const name of ['method', 'path', 'protocol', 'operation', 'model', 'version']) {
  environment.registerVariable(name, 'string');
}
environment
  .registerVariable('headers', 'map<string, string>')
  .registerVariable('query', 'map<string, string>')
  .registerVariable('body', 'dyn')
  .registerVariable('time', 'google.protobuf.Timestamp')
  .registerType('Pattern', { ctor: Pattern })
  // The library's own `matches` backtracks. `inspectExpression` puts a compiled pattern in place of the literal, so that
  // this overload is the one that is found.
  .registerFunction('string.matches(Pattern): bool', (text: string, pattern: Pattern) => pattern.test(text), {
    async: false,
  });

/**
 * Compiles an expression. Variables: method, path, protocol, operation, model, version (strings), headers and query
 * (maps of strings; header names in lower case), body (JSON; its numbers are doubles), time (when the request arrived).
 * Gives the text of the error when it is malformed, has no bool as its result, names something unknown, is too large,
 * or could take more than linear time on what a client sends.
 */
export function compileExpression(text: string): Expression | { readonly error: string } {
  let evaluate: ParseResult;
  let readsBody: boolean;
  try {
    evaluate = environment.parse(text);
    const inspected = inspectExpression(evaluate.ast, isEvaluable);
    if ('error' in inspected) return inspected;
    readsBody = inspected.readsBody;
    const checked = evaluate.check();
    if (!checked.valid) return { error: summaryOf(checked.error) };
    if (checked.type !== 'bool') return { error: `the result must be a bool, not ${checked.type}` };
  } catch (error) {
    return { error: summaryOf(error) };
  }
  return {
    text,
    readsBody,
    holds: (facts) => run(evaluate, facts) === true,
    outcome(facts) {
      const result = run(evaluate, facts);
      return typeof result === 'boolean' ? String(result) : `an error: ${summaryOf(result)}`;
    },
  };
}

/** The value, or what it threw. */
function run(evaluate: ParseResult, facts: Facts): unknown {
  const limit = Error.stackTraceLimit;
  // A missing header is an error inside the library, and an everyday thing here: a stack would be most of its cost.
  Error.stackTraceLimit = 0;
  try {
    return evaluate(new Variables(facts));
  } catch (error) {
    return error;
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** The facts under the names of the language; only what an expression reads is made. */
class Variables {
  readonly #facts: Facts;

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  get method(): string {
    return this.#facts.method;
  }
  get path(): string {
    return this.#facts.path;
  }
  get protocol(): string {
    return this.#facts.protocol;
  }
  get operation(): string {
    return this.#facts.operation;
  }
  get model(): string {
    return this.#facts.model;
  }
  get version(): string {
    return this.#facts.version;
  }
  get headers(): unknown {
    return toCel(this.#facts.allHeaders());
  }
  get query(): unknown {
    return toCel(this.#facts.allQuery());
  }
  get body(): unknown {
    return toCel(this.#facts.parsedBody());
  }
  get time(): Date {
    return new Date(this.#facts.timeMs);
  }
}

const converted = new WeakMap<object, unknown>();

/**
 * Objects as maps. The library tells types by `value.constructor`, which in an object of the client's making is whatever
 * the client wrote there. Kept for as long as the object, because several expressions may look at one request.
 */
function toCel(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  let result = converted.get(value);
  if (result === undefined) {
    result = Array.isArray(value)
      ? value.map(toCel)
      : new Map(Object.entries(value).map(([key, item]) => [key, toCel(item)]));
    converted.set(value, result);
  }
  return result;
}

/** Whether a call with literal arguments gives a value, e.g. `timestamp("2026-01-01T00:00:00Z")`. */
function isEvaluable(node: ASTNode): string | null {
  try {
    environment.evaluate(node.input.slice(node.start, node.end));
    return null;
  } catch (error) {
    return summaryOf(error);
  }
}

function summaryOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'summary' in error && typeof error.summary === 'string' ? error.summary : error.message;
}
