import { Buffer } from 'node:buffer';

/** Room to begin with; what a usual enrichment writes. */
const initialBytes = 4096;
/** A writer that grew beyond this gives its memory back when it is reset. */
const keptBytes = 1024 * 1024;

/** Collects bytes of JSON in memory that is used again and again. Offsets are bytes from the last `reset`. */
export class JsonWriter {
  #bytes = Buffer.allocUnsafeSlow(initialBytes);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  reset(): void {
    this.#length = 0;
    if (this.#bytes.length > keptBytes) this.#bytes = Buffer.allocUnsafeSlow(initialBytes);
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Any text, as UTF-8. */
  text(text: string): void {
    this.#reserve(text.length * 3);
    this.#length += this.#bytes.write(text, this.#length, 'utf8');
  }

  /** Text of ASCII characters only, such as that of a number; for short ones cheaper than `text`. */
  ascii(text: string): void {
    const { length } = text;
    this.#reserve(length);
    const bytes = this.#bytes;
    let at = this.#length;
    for (let i = 0; i < length; i++) bytes[at++] = text.charCodeAt(i);
    this.#length = at;
  }

  /** An integer of at most 2^31 - 1 in magnitude, divided by 10^`decimals` (at most 12), without zeros at its end. */
  decimal(value: number, decimals: number): void {
    this.#reserve(32);
    const bytes = this.#bytes;
    let at = this.#length;
    let rest = value | 0;
    if (rest < 0) {
      bytes[at++] = 0x2d;
      rest = -rest;
    }
    let fraction = decimals;
    while (fraction > 0 && rest % 10 === 0) {
      rest = (rest / 10) | 0;
      fraction--;
    }
    // A number below one has a zero before its point, and zeros behind the point as far as they are needed.
    const digits = Math.max(countDigits(rest), fraction + 1);
    const end = at + digits + (fraction > 0 ? 1 : 0);
    for (let i = end - 1; i >= at; i--) {
      if (fraction > 0 && i === end - 1 - fraction) {
        bytes[i] = 0x2e;
        continue;
      }
      const quotient = (rest / 10) | 0;
      bytes[i] = 0x30 + rest - quotient * 10;
      rest = quotient;
    }
    this.#length = end;
  }

  /** Copies the bytes [from, to) to a buffer; returns how many. */
  copy(out: Buffer, at: number, from: number, to: number): number {
    return this.#bytes.copy(out, at, from, to);
  }

  toString(): string {
    return this.#bytes.toString('utf8', 0, this.#length);
  }

  #reserve(size: number): void {
    const needed = this.#length + size;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

/** Decimal digits of a non-negative 32-bit integer. */
function countDigits(value: number): number {
  let digits = 1;
  for (let bound = 10; value >= bound; bound *= 10) digits++;
  return digits;
}
