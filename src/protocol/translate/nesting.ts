import { type CodecFailure, fail } from '../codec-result.ts';

/**
 * Follows the brackets of a tensor's data in JSON, which may be flat, or nested exactly as the shape says. Whoever reads
 * them tells of each bracket and each element.
 */
export class Nesting {
  readonly #shape: readonly number[];
  readonly #label: string;
  /** What each open array has, the outermost first. */
  readonly #counts: number[] = [];
  #isNested = false;
  #fits = true;

  /** `label` such as `input "x"`. */
  constructor(shape: readonly number[], label: string) {
    this.#shape = shape;
    this.#label = label;
  }

  bracket(c: number): void {
    if (c === 0x5b) this.#open();
    else this.#close();
  }

  element(): void {
    const counts = this.#counts;
    if (counts.length > 0) counts[counts.length - 1]!++;
    if (this.#isNested && counts.length !== this.#shape.length) this.#fits = false;
  }

  /** The failure when the nesting is another one than that of the shape; that flat data fill it is not looked at. */
  finish(): CodecFailure | null {
    if (this.#fits) return null;
    const shape = `[${this.#shape.join(',')}]`;
    const text = `The data of the ${this.#label} are nested otherwise than its shape ${shape} says; nest them like it, or not.`;
    return fail('BAD_BODY', 'SHAPE', text);
  }

  #open(): void {
    const counts = this.#counts;
    if (counts.length > 0) {
      // Elements before the first inner array were taken for flat ones.
      if (!this.#isNested && counts[0]! > 0) this.#fits = false;
      this.#isNested = true;
    }
    counts.push(0);
  }

  #close(): void {
    const counts = this.#counts;
    const count = counts.pop();
    if (this.#isNested && count !== this.#shape[counts.length]) this.#fits = false;
    if (counts.length > 0) counts[counts.length - 1]!++;
  }
}
