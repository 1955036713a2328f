import { Buffer } from 'node:buffer';

const initialBytes = 64 * 1024;

/**
 * The bytes of a connection that were not understood yet. Nearly always a chunk ends with a reply, and then it is read
 * where it is; only what is left of it is copied.
 */
export class RespInput {
  #rest = Buffer.alloc(0);
  #length = 0;
  #needed = 0;

  /**
   * Takes a chunk. `read` is called with what there is and returns how far it understood it, and the length at which it
   * wants to be called again; not called before that.
   */
  take(chunk: Buffer, size: number, read: (bytes: Buffer, end: number) => { at: number; needed: number }): void {
    if (this.#length === 0) {
      const { at, needed } = read(chunk, size);
      if (at < size) this.#keep(chunk, at, size, needed);
      return;
    }
    this.#reserve(size);
    chunk.copy(this.#rest, this.#length, 0, size);
    this.#length += size;
    if (this.#length < this.#needed) return;
    const { at, needed } = read(this.#rest, this.#length);
    this.#rest.copyWithin(0, at, this.#length);
    this.#length -= at;
    this.#needed = needed - at;
    if (this.#length === 0 && this.#rest.length > initialBytes) this.#rest = Buffer.alloc(0);
  }

  clear(): void {
    this.#rest = Buffer.alloc(0);
    this.#length = 0;
    this.#needed = 0;
  }

  #keep(chunk: Buffer, at: number, size: number, needed: number): void {
    this.#reserve(size - at);
    chunk.copy(this.#rest, 0, at, size);
    this.#length = size - at;
    this.#needed = needed - at;
  }

  /** Doubles, so that a reply of many chunks is copied a few times only. */
  #reserve(size: number): void {
    const wanted = this.#length + size;
    if (wanted <= this.#rest.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(initialBytes, this.#rest.length * 2, wanted));
    this.#rest.copy(larger, 0, 0, this.#length);
    this.#rest = larger;
  }
}
