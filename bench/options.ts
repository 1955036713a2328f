import { parseArgs } from 'node:util';
import { LOAD_NAMES, type LoadName } from './load/choose-load.ts';

export interface Options {
  /** Rounds to run; the first is dropped. */
  readonly rounds: number;
  /**
   * Length of a full-load phase; the phase with one connection takes half of it. CPU time comes in ticks of 10 ms, of which
   * a second has enough. Longer phases are worse, not better, where other guests of the machine come and go: what is
   * compared should be close together in time.
   */
  readonly seconds: number;
  /** Names to run, in the order of the table; empty means all. */
  readonly scenarios: readonly string[];
  readonly peers: readonly string[];
  /** The generator of the closed loops of HTTP; null for the best that is installed. */
  readonly load: LoadName | null;
  /** A short run to see that things work. */
  readonly quick: boolean;
  /** Verify what every peer sends and answers, and measure nothing. */
  readonly check: boolean;
  /** Install peers and tools, and do nothing else. */
  readonly install: boolean;
  readonly help: boolean;
}

export const USAGE = `npm run bench -- [scenario ...] [options]
  --rounds N        rounds, the first of which is dropped (default 15, with --quick 3)
  --seconds N       whole seconds of each full-load phase (default 1)
  --peers A,B       peers to run (default all that the scenario has)
  --load NAME       what loads in the closed loops of HTTP: wrk or autocannon (default wrk, and autocannon where it is
                    missing); the load of gRPC comes from h2load
  --quick           a short run: shows that all works, not who is faster
  --check           verify what every peer sends and answers, measure nothing
  --install         install the peers and tools with apt
Without a scenario all run. A run that is shorter than the default, of some peers only, or with autocannon is reported in
*.quick.* files.
`;

function parseCount(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  throw new Error(`--${name} must be a whole number of at least ${least}, found ${text}`);
}

function parseLoad(text: string | undefined): LoadName | null {
  if (text === undefined) return null;
  const name = LOAD_NAMES.find((each) => each === text);
  if (name === undefined) throw new Error(`--load must be ${LOAD_NAMES.join(' or ')}, found ${text}`);
  return name;
}

function parseNames(text: string | undefined): string[] {
  return (text ?? '').split(',').filter((each) => each !== '');
}

/** Reads the command line. Throws with a message for the user on anything unknown. */
export function parseOptions(argv: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      peers: { type: 'string' },
      load: { type: 'string' },
      quick: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      install: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const { quick, check, install, help } = values;
  return {
    rounds: parseCount('rounds', values.rounds ?? (quick ? '3' : '15'), 2),
    seconds: parseCount('seconds', values.seconds ?? '1', 1),
    scenarios: positionals,
    peers: parseNames(values.peers),
    load: parseLoad(values.load),
    quick,
    check,
    install,
    help,
  };
}

/** The entries of a table with the wanted names, all when none is named. Throws on a name that the table lacks. */
export function selectNamed<T extends { readonly name: string }>(
  kind: string,
  table: readonly T[],
  names: readonly string[],
): T[] {
  const known = table.map((each) => each.name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`no ${kind} is named ${unknown}; there are ${known.join(', ')}`);
  return table.filter((each) => names.length === 0 || names.includes(each.name));
}

/** The order of one round: the same sequence each time, so that all stand equally often beside each other, turned. */
export function turn<T>(list: readonly T[], draw: number): T[] {
  const start = Math.floor(draw * list.length);
  return [...list.slice(start), ...list.slice(0, start)];
}
