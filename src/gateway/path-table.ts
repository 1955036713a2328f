import { parseInferencePath, type InferencePath } from '../protocol/inference-path.ts';

/** Paths are parsed once; clients could ask for endless ones, so the table is emptied when it is full. */
const PATHS_MAX = 4096;
const PATH_LENGTH_MAX = 512;

/** A path under the prefix, and what it asks for. */
export interface KnownPath {
  /** Without the prefix. */
  readonly path: string;
  readonly meaning: InferencePath;
}

/** What the paths of requests mean. */
export class PathTable {
  readonly #prefix: string;
  readonly #known = new Map<string, KnownPath | null>();

  /** `prefix` stands before every inference path; `''` for none. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** A path as the client sent it, without its query; null: nothing is served there. */
  lookup(whole: string): KnownPath | null {
    const known = this.#known.get(whole);
    if (known !== undefined) return known;
    const found = this.#read(whole);
    if (whole.length <= PATH_LENGTH_MAX) {
      if (this.#known.size >= PATHS_MAX) this.#known.clear();
      this.#known.set(whole, found);
    }
    return found;
  }

  /** Escapes in the prefix make it another path: it is compared as it came. */
  #read(whole: string): KnownPath | null {
    if (!whole.startsWith(this.#prefix)) return null;
    const path = whole.slice(this.#prefix.length);
    const meaning = parseInferencePath(path);
    return meaning === null ? null : { path, meaning };
  }
}
