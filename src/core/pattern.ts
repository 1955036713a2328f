import { RE2JS } from 're2js';

/** A regular expression that takes time linear in the text, whatever the pattern. */
export class Pattern {
  readonly source: string;
  readonly #compiled: RE2JS;

  constructor(source: string, compiled: RE2JS) {
    this.source = source;
    this.#compiled = compiled;
  }

  /** Whether the pattern matches anywhere in the text. A text longer than `maxPatternInput` does not match. */
  test(text: string): boolean {
    return text.length <= maxPatternInput && this.#compiled.test(text);
  }
}

/** Longest text that a pattern looks at, in UTF-16 units: linear time still is time, and clients choose the text. */
export const maxPatternInput = 4096;

/**
 * Compiles a regular expression in RE2 syntax (https://github.com/google/re2/wiki/Syntax): no back references and no
 * look-around, which is what keeps matching linear. Gives the text of the error when the syntax is wrong.
 */
export function compilePattern(source: string): Pattern | { readonly error: string } {
  try {
    return new Pattern(source, RE2JS.compile(source));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { error: message.replace(/^error parsing regexp: /, '') };
  }
}
