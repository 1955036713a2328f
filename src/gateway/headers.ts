import type { HeaderList } from './ports.ts';

/**
 * Which header fields cross the gateway. Hop-by-hop fields (RFC 9110 7.6.1) and those that a `Connection` field names
 * stay on their own connection; they are removed before Makas adds its own, so that nobody can name ours away.
 */
const DROP_ALWAYS = 1;
const DROP_UPSTREAM = 2;
const DROP_DOWNSTREAM = 4;
const CONNECTION = 8;

const KNOWN: ReadonlyMap<string, number> = new Map([
  ['connection', DROP_ALWAYS | CONNECTION],
  ['keep-alive', DROP_ALWAYS],
  ['proxy-connection', DROP_ALWAYS],
  ['te', DROP_ALWAYS],
  ['trailer', DROP_ALWAYS],
  ['transfer-encoding', DROP_ALWAYS],
  ['upgrade', DROP_ALWAYS],
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

function flagsOf(rawName: string): number {
  const known = flagsByRawName.get(rawName);
  if (known !== undefined) return known;
  const flags = readFlags(rawName);
  if (rawName.length > RAW_NAME_LENGTH_MAX) return flags;
  if (flagsByRawName.size >= RAW_NAMES_MAX) flagsByRawName.clear();
  flagsByRawName.set(rawName, flags);
  return flags;
}

function readFlags(rawName: string): number {
  // Some servers read `_` as `-`: what looks like a framing field or one of ours to them must not pass either.
  const name = rawName.toLowerCase().replaceAll('_', '-');
  return KNOWN.get(name) ?? (name.startsWith(OWN_PREFIX) ? DROP_UPSTREAM | DROP_DOWNSTREAM : 0);
}

/**
 * The client's header fields that go upstream, in their order and case. `replaced` are lower-case names that the
 * backend sets itself, or null.
 */
export function upstreamHeaders(raw: HeaderList, replaced: ReadonlySet<string> | null): HeaderList {
  return filterHeaders(raw, DROP_ALWAYS | DROP_UPSTREAM, replaced);
}

/** The endpoint's header fields that go to the client. */
export function answerHeaders(raw: HeaderList, replaced: ReadonlySet<string> | null): HeaderList {
  return filterHeaders(raw, DROP_ALWAYS | DROP_DOWNSTREAM, replaced);
}

function filterHeaders(raw: HeaderList, mask: number, replaced: ReadonlySet<string> | null): HeaderList {
  const kept: HeaderList = [];
  let named: Set<string> | null = null;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    const flags = flagsOf(name);
    if ((flags & CONNECTION) !== 0) named = namedByConnection(raw[i + 1] as string, named);
    if ((flags & mask) !== 0) continue;
    if (replaced !== null && replaced.has(name.toLowerCase().replaceAll('_', '-'))) continue;
    kept.push(name, raw[i + 1] as string);
  }
  return named === null ? kept : withoutNames(kept, named);
}

function namedByConnection(value: string, found: Set<string> | null): Set<string> | null {
  if (value === 'keep-alive' || value === 'close') return found;
  let named = found;
  for (const option of value.split(',')) {
    const name = option.trim().toLowerCase();
    if (name === '' || name === 'keep-alive' || name === 'close') continue;
    named ??= new Set();
    named.add(name);
  }
  return named;
}

function withoutNames(headers: HeaderList, names: ReadonlySet<string>): HeaderList {
  const kept: HeaderList = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (!names.has(name.toLowerCase())) kept.push(name, headers[i + 1] as string);
  }
  return kept;
}

/** Value of the first field with this lower-case name, or undefined. */
export function findHeader(headers: HeaderList, name: string): string | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    const raw = headers[i] as string;
    if (raw.length === name.length && raw.toLowerCase() === name) return headers[i + 1];
  }
  return undefined;
}
