import { findAutocannon } from './autocannon.ts';
import type { LoadGenerator } from './load.ts';
import { findWrk } from './wrk.ts';

export const LOAD_NAMES = ['wrk', 'autocannon'] as const;
export type LoadName = (typeof LOAD_NAMES)[number];

type Found = Readonly<Record<LoadName, LoadGenerator | null>>;

/** The generators that are installed. */
export function findGenerators(): Found {
  return { wrk: findWrk(), autocannon: findAutocannon() };
}

/**
 * The generator of the closed loop: the wanted one, or without a wish wrk, and autocannon where wrk is missing, which is
 * said. Throws when the wanted one, or both, are missing.
 */
export function chooseLoad(wanted: LoadName | null, found: Found, say: (line: string) => void): LoadGenerator {
  if (wanted !== null) {
    const own = found[wanted];
    if (own === null) throw new Error(`${wanted}: not installed`);
    return own;
  }
  if (found.wrk !== null) return found.wrk;
  if (found.autocannon === null) {
    throw new Error('neither wrk nor autocannon is installed; `npm run bench -- --install` gets wrk');
  }
  say('!!! FALLBACK: wrk is not installed, the load comes from autocannon, which costs several times as much:');
  say('!!! FALLBACK: it may hold fast peers back. `npm run bench -- --install` gets wrk');
  return found.autocannon;
}
