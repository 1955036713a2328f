import { staticNames } from './static-table.ts';

/** Entries that the values of one name may get: one with more of them would push out the others, again and again. */
const ENTRIES_MAX = 16;
/** Values that did not come again, before none is expected to. */
const MISSES_MAX = 64;
/** What one that came again makes up for. */
const HIT_WORTH = 16;
/** Names that are remembered. */
const NAMES_MAX = 256;

/** What an encoder knows of a field name. */
export class EncoderName {
  /** In lower case, as it is sent. */
  readonly text: string;
  /** The first index of the name in the static table, 0 for none. */
  readonly index: number;
  /** Whether it is never indexed. */
  readonly isSecret: boolean;
  #entries = 0;
  #misses = 0;

  constructor(text: string, isSecret: boolean) {
    this.text = text;
    this.index = Math.max(0, staticNames.indexOf(text, 1));
    this.isSecret = isSecret;
  }

  /** Whether values of this name are too different to be worth entries: request ids, deadlines, user ids. */
  get isVaried(): boolean {
    return this.#entries >= ENTRIES_MAX || this.#misses >= MISSES_MAX;
  }

  noteEntry(): void {
    this.#entries++;
    this.noteHit();
  }

  noteHit(): void {
    this.#misses = Math.max(0, this.#misses - HIT_WORTH);
  }

  noteMiss(): void {
    this.#misses++;
  }
}

/** The names that an encoder has met, as they were written. */
export class EncoderNames {
  readonly #names = new Map<string, EncoderName>();
  readonly #secrets: ReadonlySet<string>;

  /** `secrets`: lower-case names that are never indexed. */
  constructor(secrets: ReadonlySet<string>) {
    this.#secrets = secrets;
  }

  of(written: string): EncoderName {
    const known = this.#names.get(written);
    if (known !== undefined) return known;
    // Names without end are nobody's fields but an attempt.
    if (this.#names.size === NAMES_MAX) this.#names.clear();
    const text = written.toLowerCase();
    const name = new EncoderName(text, this.#secrets.has(text));
    this.#names.set(written, name);
    return name;
  }
}
