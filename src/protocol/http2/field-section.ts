import type { HeaderBlock } from '../header-block.ts';
import { BlockText } from './block-text.ts';
import { AUTHORITY, BAD, CONTENT_LENGTH, METHOD, PATH, PLAIN, SCHEME, STATUS, TE } from './field-kind.ts';

/** A field counts as much more than its name and its value, RFC 7541 4.1 and RFC 9113 6.5.2. */
export const FIELD_OVERHEAD = 32;

const HAS_METHOD = 1 << METHOD;
const HAS_SCHEME = 1 << SCHEME;
const HAS_AUTHORITY = 1 << AUTHORITY;
const HAS_PATH = 1 << PATH;
const HAS_STATUS = 1 << STATUS;

/** Where the blocks of a connection are put together; heads are like heads, and trailers like trailers. */
export class SectionTexts {
  readonly head = new BlockText();
  readonly trailers = new BlockText();
}

/**
 * The fields of a header or trailer section, RFC 9110 6.3 and 6.5: the pseudo fields by themselves, the others as one
 * text. A decoder fills the same few objects again and again.
 */
export class FieldSection {
  method = '';
  scheme = '';
  authority = '';
  path = '';
  /** 0 when there is none. */
  status = 0;
  /** The fields that are no pseudo fields, in their order. */
  block: HeaderBlock = '';
  /** Of the field content-length; -1 when there is none. */
  contentLength = -1;
  /** Why this is malformed, RFC 9113 8.1.1, for logs; '' when it is not. Nothing else here counts then. */
  problem = '';
  /** Bits of the pseudo fields that there are. */
  #pseudo = 0;
  #hasRegular = false;
  readonly #texts: SectionTexts;
  #text: BlockText;

  constructor(texts: SectionTexts) {
    this.#texts = texts;
    this.#text = texts.head;
  }

  clear(): void {
    this.method = '';
    this.scheme = '';
    this.authority = '';
    this.path = '';
    this.status = 0;
    this.block = '';
    this.contentLength = -1;
    this.problem = '';
    this.#pseudo = 0;
    this.#hasRegular = false;
  }

  /** Takes in the next field. `text`: the value of a pseudo field, the whole line of any other. */
  add(kind: number, text: string): void {
    if (kind === PLAIN || kind === TE) this.#addLine(text);
    else if (kind === BAD) this.problem = 'a bad field';
    else if (kind === CONTENT_LENGTH) this.#addLength(text);
    else this.#addPseudo(kind, text);
  }

  #addPseudo(kind: number, value: string): void {
    const bit = 1 << kind;
    if (this.#hasRegular) this.problem = 'a pseudo field after others';
    else if ((this.#pseudo & bit) !== 0) this.problem = 'a pseudo field twice';
    this.#pseudo |= bit;
    if (kind === METHOD) this.method = value;
    else if (kind === SCHEME) this.scheme = value;
    else if (kind === AUTHORITY) this.authority = value;
    else if (kind === PATH) this.path = value;
    else this.status = Number(value);
  }

  #addLength(line: string): void {
    const length = Number(line.slice('content-length: '.length, -2));
    if (this.contentLength !== -1 && this.contentLength !== length) this.problem = 'two lengths';
    this.contentLength = length;
    this.#addLine(line);
  }

  #addLine(line: string): void {
    if (!this.#hasRegular) {
      this.#hasRegular = true;
      this.#text = this.#pseudo === 0 ? this.#texts.trailers : this.#texts.head;
      this.#text.begin();
    }
    this.#text.add(line);
  }

  /** No more fields come: `block` is made. */
  finish(): void {
    if (this.#hasRegular) this.block = this.#text.finish();
  }

  /** Whether the pseudo fields are those of a request, RFC 9113 8.3.1 and 8.5. */
  isRequest(): boolean {
    const pseudo = this.#pseudo;
    if (this.method === 'CONNECT') return pseudo === (HAS_METHOD | HAS_AUTHORITY);
    return (pseudo | HAS_AUTHORITY) === (HAS_METHOD | HAS_SCHEME | HAS_PATH | HAS_AUTHORITY);
  }

  /** Whether the pseudo fields are those of a response, RFC 9113 8.3.2. */
  isResponse(): boolean {
    return this.#pseudo === HAS_STATUS;
  }

  /** Trailers have no pseudo fields, RFC 9113 8.1. */
  isTrailers(): boolean {
    return this.#pseudo === 0;
  }
}
