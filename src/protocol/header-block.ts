/**
 * Header fields as they stand on the wire: `name: value` and CRLF for each, as Latin-1 text, one character for each byte
 * (RFC 9110 5.5); `''` for none. A block crosses the gateway as one string instead of an object for each field.
 */
export type HeaderBlock = string;

/** A field name is a token, RFC 9110 5.6.2. */
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** A field value has no control characters but the tab, RFC 9110 5.5; text beyond Latin-1 is no byte. */
// eslint-disable-next-line no-control-regex
const NOT_VALUE = /[^\t\u0020-\u007e\u0080-\u00ff]/;

/** Blocks are searched field by field; names are compared without regard to case. */
const COLON = 0x3a;
const SPACE = 0x20;
const TAB = 0x09;

/** Whether a text is the name of a field. */
export function isFieldName(text: string): boolean {
  return NAME.test(text);
}

/** Whether a text is the value of a field, as Latin-1. */
export function isFieldValue(text: string): boolean {
  return !NOT_VALUE.test(text);
}

/** One field of a block. Throws TypeError for what is no header field: it would become another message on the wire. */
export function headerLine(name: string, value: string): HeaderBlock {
  if (!isFieldName(name)) throw new TypeError('not the name of a header field');
  if (!isFieldValue(value)) throw new TypeError(`not a value of the header field ${name}`);
  return `${name}: ${value}\r\n`;
}

/** The block of a flat list name, value, name, value ... Throws TypeError like `headerLine`. */
export function headerBlock(list: readonly string[]): HeaderBlock {
  let block = '';
  for (let i = 0; i + 1 < list.length; i += 2) block += headerLine(list[i]!, list[i + 1]!);
  return block;
}

/** The flat list name, value, name, value ... of a block; names keep their case, values lose the blanks around them. */
export function headerList(block: HeaderBlock): string[] {
  const list: string[] = [];
  for (let start = 0; start < block.length;) {
    const end = block.indexOf('\r\n', start);
    const colon = block.indexOf(':', start);
    list.push(block.slice(start, colon), valueAt(block, colon + 1, end));
    start = end + 2;
  }
  return list;
}

/** The value of the first field with this lower-case name, or undefined. */
export function findHeader(block: HeaderBlock, name: string): string | undefined {
  const start = findLine(block, name, 0);
  return start === -1 ? undefined : valueAt(block, start + name.length + 1, block.indexOf('\r\n', start));
}

/**
 * The value of a field by lower-case name. Repeated fields are one list (RFC 9110 5.3), but cookies are joined by `; `
 * (RFC 9113 8.2.3). Undefined when there is none.
 */
export function joinedHeader(block: HeaderBlock, name: string): string | undefined {
  let joined: string | undefined;
  for (let start = findLine(block, name, 0); start !== -1;) {
    const end = block.indexOf('\r\n', start);
    const value = valueAt(block, start + name.length + 1, end);
    joined = joined === undefined ? value : joined + separatorOf(name) + value;
    start = findLine(block, name, end + 2);
  }
  return joined;
}

/** What joins the values of repeated fields of this lower-case name. */
export function separatorOf(name: string): string {
  return name === 'cookie' ? '; ' : ', ';
}

/** The block with this as its only field of the lower-case name. Throws TypeError like `headerLine`. */
export function setHeader(block: HeaderBlock, name: string, value: string): HeaderBlock {
  const line = headerLine(name, value);
  const first = findLine(block, name, 0);
  if (first === -1) return block + line;
  let rest = block.slice(block.indexOf('\r\n', first) + 2);
  for (let start = findLine(rest, name, 0); start !== -1; start = findLine(rest, name, start)) {
    rest = rest.slice(0, start) + rest.slice(rest.indexOf('\r\n', start) + 2);
  }
  return block.slice(0, first) + line + rest;
}

/**
 * The block without the fields of these names, lower-case and with `-` for `_`: some servers read `_` as `-`, so a field
 * that is named so is taken for the other.
 */
export function withoutHeaders(block: HeaderBlock, names: ReadonlySet<string>): HeaderBlock {
  let kept = '';
  for (let start = 0; start < block.length;) {
    const end = block.indexOf('\r\n', start) + 2;
    const name = block.slice(start, block.indexOf(':', start)).toLowerCase().replaceAll('_', '-');
    if (!names.has(name)) kept += block.slice(start, end);
    start = end;
  }
  return kept;
}

/** Where the next field of this lower-case name begins, from the beginning of a field at `from` on; -1 for nowhere. */
function findLine(block: HeaderBlock, name: string, from: number): number {
  const { length } = name;
  for (let start = from; start < block.length;) {
    if (block.charCodeAt(start + length) === COLON && isNameAt(block, start, name)) return start;
    start = block.indexOf('\n', start) + 1;
  }
  return -1;
}

function isNameAt(block: HeaderBlock, start: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const code = block.charCodeAt(start + i);
    const wanted = name.charCodeAt(i);
    if (code === wanted) continue;
    // Only letters differ by case; 0x20 is the distance.
    if (code + 0x20 !== wanted || code < 0x41 || code > 0x5a) return false;
  }
  return true;
}

/** The value between a colon and the end of its line, without the blanks around it. */
function valueAt(block: HeaderBlock, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(block.charCodeAt(start))) start++;
  while (end > start && isBlank(block.charCodeAt(end - 1))) end--;
  return block.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}
