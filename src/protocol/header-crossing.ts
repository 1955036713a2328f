import { type HeaderBlock, headerLine, isFieldName, isFieldValue, withoutHeaders } from './header-block.ts';

/**
 * Which header fields cross the gateway. Hop-by-hop fields (RFC 9110 7.6.1) and those that a `Connection` field names
 * stay on their own connection; they are removed before Makas adds its own, so that nobody can name ours away.
 */
export const DROP_ALWAYS = 1;
export const DROP_UPSTREAM = 2;
export const DROP_DOWNSTREAM = 4;
/** The field names others that must not cross. */
export const NAMES_OTHERS = 8;
/** It is no field name at all. */
const IS_NO_NAME = 16;

const KNOWN: ReadonlyMap<string, number> = new Map([
  ['connection', DROP_ALWAYS | NAMES_OTHERS],
  ['keep-alive', DROP_ALWAYS],
  ['proxy-connection', DROP_ALWAYS],
  ['te', DROP_ALWAYS],
  ['trailer', DROP_ALWAYS],
  ['transfer-encoding', DROP_ALWAYS],
  ['upgrade', DROP_ALWAYS],
  ['http2-settings', DROP_ALWAYS],
  ['proxy-authorization', DROP_UPSTREAM],
  ['proxy-authenticate', DROP_DOWNSTREAM],
  // The edges frame each message anew; the endpoint has its own name; 100-continue is answered by this gateway.
  ['content-length', DROP_UPSTREAM],
  ['host', DROP_UPSTREAM],
  ['expect', DROP_UPSTREAM],
  // Ours, beside all that begins with `makas-`.
  ['x-request-id', DROP_UPSTREAM | DROP_DOWNSTREAM],
]);

/** Whatever begins like this is ours, also what a later version will add. */
const OWN_PREFIX = 'makas-';

/** Flags by name in the case of the wire. Clients invent names, so the table is emptied when it is full. */
const flagsByRawName = new Map<string, number>();
const RAW_NAMES_MAX = 1024;
const RAW_NAME_LENGTH_MAX = 64;

/** The flags above that hold for a field name, in the case of the wire; 0: it crosses both ways. */
export function crossingOf(rawName: string): number {
  const known = flagsByRawName.get(rawName);
  if (known !== undefined) return known;
  const flags = readFlags(rawName);
  if (rawName.length > RAW_NAME_LENGTH_MAX) return flags;
  if (flagsByRawName.size >= RAW_NAMES_MAX) flagsByRawName.clear();
  flagsByRawName.set(rawName, flags);
  return flags;
}

function readFlags(rawName: string): number {
  if (!isFieldName(rawName)) return IS_NO_NAME;
  // Some servers read `_` as `-`: what looks like a framing field or one of ours to them must not pass either.
  const name = rawName.toLowerCase().replaceAll('_', '-');
  return KNOWN.get(name) ?? (name.startsWith(OWN_PREFIX) ? DROP_UPSTREAM | DROP_DOWNSTREAM : 0);
}

/** The client's fields that go upstream, in their order and case, of a flat list as `node:http` gives it. */
export function upstreamFields(raw: readonly string[]): HeaderBlock {
  return filterFields(raw, DROP_ALWAYS | DROP_UPSTREAM);
}

/** The endpoint's fields that go to the client, of a flat list. */
export function answerFields(raw: readonly string[]): HeaderBlock {
  return filterFields(raw, DROP_ALWAYS | DROP_DOWNSTREAM);
}

/** Throws TypeError, like `headerLine`, for what cannot be written down again. */
function filterFields(raw: readonly string[], mask: number): HeaderBlock {
  let block = '';
  let named: Set<string> | null = null;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const flags = crossingOf(raw[i]!);
    if ((flags & NAMES_OTHERS) !== 0) named = namedByConnection(raw[i + 1]!, named);
    if ((flags & mask) !== 0) continue;
    // What is known of the name need not be found out again.
    if (flags === IS_NO_NAME || !isFieldValue(raw[i + 1]!)) block += headerLine(raw[i]!, raw[i + 1]!);
    else block += `${raw[i]!}: ${raw[i + 1]!}\r\n`;
  }
  return named === null ? block : withoutHeaders(block, named);
}

function namedByConnection(value: string, found: Set<string> | null): Set<string> | null {
  if (value === 'keep-alive' || value === 'close') return found;
  let named = found;
  for (const option of value.split(',')) {
    const name = option.trim().toLowerCase().replaceAll('_', '-');
    if (name === '' || name === 'keep-alive' || name === 'close') continue;
    named ??= new Set();
    named.add(name);
  }
  return named;
}
