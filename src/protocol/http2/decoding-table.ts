import { BAD, CONTENT_LENGTH, kindOfField, kindOfName, PLAIN, TE } from './field-kind.ts';
import { FIELD_OVERHEAD } from './field-section.ts';
import { STATIC_LENGTH, staticNames, staticValues } from './static-table.ts';

/**
 * The table of a decoder, RFC 7541 2.3: the static entries and, after them, the dynamic ones from the newest to the
 * oldest. Entries are in columns, so that a field that stands in the table costs no object.
 */
export class DecodingTable {
  /** Counts the changes: as long as it stays, an index means the same field. */
  generation = 0;
  /** Octets as RFC 7541 4.1 counts them. */
  size = 0;
  /** The most octets that the peer's encoder has allowed itself. */
  maxSize: number;
  #length = 0;
  /** Where the next entry goes in the ring of entries. */
  #next = 0;
  #mask = 127;
  #names: string[] = [];
  #texts: string[] = [];
  #nameKinds: number[] = [];
  #kinds: number[] = [];
  #sizes: number[] = [];

  constructor(maxSize: number) {
    this.maxSize = maxSize;
  }

  /** Dynamic entries. */
  get length(): number {
    return this.#length;
  }

  /** The place of the entry with this index, for the methods below; -1 when there is none. Static ones are below that. */
  find(index: number): number {
    if (index <= STATIC_LENGTH) return index === 0 ? -1 : -1 - index;
    const age = index - STATIC_LENGTH;
    return age > this.#length ? -1 : (this.#next - age) & this.#mask;
  }

  name(place: number): string {
    return place < 0 ? staticNames[-1 - place]! : this.#names[place]!;
  }

  nameKind(place: number): number {
    return place < 0 ? staticNameKinds[-1 - place]! : this.#nameKinds[place]!;
  }

  /** Of the field as a whole. */
  kind(place: number): number {
    return place < 0 ? staticKinds[-1 - place]! : this.#kinds[place]!;
  }

  /** What `FieldSection.add` takes. */
  text(place: number): string {
    return place < 0 ? staticTexts[-1 - place]! : this.#texts[place]!;
  }

  /** Octets of the entry. */
  entrySize(place: number): number {
    return place < 0 ? staticSizes[-1 - place]! : this.#sizes[place]!;
  }

  /** Adds an entry; the oldest ones make room. One that is larger than all leaves the table empty (RFC 7541 4.4). */
  insert(name: string, nameKind: number, kind: number, text: string, size: number): void {
    this.generation++;
    this.#evict(this.maxSize - size);
    if (size > this.maxSize) return;
    if (this.#length > this.#mask) this.#widen();
    const place = this.#next;
    this.#names[place] = name;
    this.#nameKinds[place] = nameKind;
    this.#kinds[place] = kind;
    this.#texts[place] = text;
    this.#sizes[place] = size;
    this.#next = (place + 1) & this.#mask;
    this.#length++;
    this.size += size;
  }

  /** RFC 7541 4.3. */
  resize(maxSize: number): void {
    this.generation++;
    this.maxSize = maxSize;
    this.#evict(maxSize);
  }

  #evict(size: number): void {
    while (this.size > size && this.#length > 0) {
      const place = (this.#next - this.#length) & this.#mask;
      this.size -= this.#sizes[place]!;
      this.#length--;
      // Their texts may be long, and the ring may be used for more entries than there are now.
      this.#texts[place] = '';
      this.#names[place] = '';
    }
  }

  /** Small entries in a large table: the ring gets twice as long, the oldest entry first. */
  #widen(): void {
    const start = this.#next;
    this.#names = turned(this.#names, start);
    this.#texts = turned(this.#texts, start);
    this.#nameKinds = turned(this.#nameKinds, start);
    this.#kinds = turned(this.#kinds, start);
    this.#sizes = turned(this.#sizes, start);
    this.#next = this.#length;
    this.#mask = this.#mask * 2 + 1;
  }
}

/** The text of a field: the value of a pseudo field, the line of any other; `''` for what is bad. */
export function fieldText(kind: number, name: string, value: string): string {
  if (kind === PLAIN || kind === CONTENT_LENGTH || kind === TE) return `${name}: ${value}\r\n`;
  return kind === BAD ? '' : value;
}

function turned<T>(list: readonly T[], start: number): T[] {
  return [...list.slice(start), ...list.slice(0, start)];
}

const staticNameKinds = staticNames.map(kindOfName);
const staticKinds = staticNames.map((name, i) => kindOfField(kindOfName(name), staticValues[i]!));
const staticTexts = staticNames.map((name, i) => fieldText(staticKinds[i]!, name, staticValues[i]!));
const staticSizes = staticNames.map((name, i) => name.length + staticValues[i]!.length + FIELD_OVERHEAD);
