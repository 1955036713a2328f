import { parseArgs } from 'node:util';

export interface Options {
  /** Rounds to run; the first is dropped. */
  readonly rounds: number;
  /** Length of the saturation phase; the phase with one connection takes half of it. */
  readonly seconds: number;
  /** Names to run, in the order of the table; empty means all. */
  readonly scenarios: readonly string[];
  readonly peers: readonly string[];
  /** A short run to see that things work, reported apart from full ones. */
  readonly quick: boolean;
  /** Verify the answers of every peer and measure nothing. */
  readonly check: boolean;
  readonly help: boolean;
}

export const USAGE = `npm run bench -- [options]
  --rounds N        rounds, the first of which is dropped (default 7, with --quick 3)
  --seconds N       whole seconds of each saturation phase (default 4, with --quick 1)
  --scenario A,B    scenarios to run (default all)
  --peers A,B       peers to run (default all)
  --quick           a short run: shows that all works, not who is faster
  --check           verify that every peer gives the right answers, measure nothing
`;

function parseCount(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  throw new Error(`--${name} must be a whole number of at least ${least}, found ${text}`);
}

function parseNames(text: string | undefined): string[] {
  return (text ?? '').split(',').filter((each) => each !== '');
}

/** Reads the command line. Throws with a message for the user on anything unknown. */
export function parseOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      scenario: { type: 'string' },
      peers: { type: 'string' },
      quick: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  return {
    rounds: parseCount('rounds', values.rounds ?? (values.quick ? '3' : '7'), 2),
    seconds: parseCount('seconds', values.seconds ?? (values.quick ? '1' : '4'), 1),
    scenarios: parseNames(values.scenario),
    peers: parseNames(values.peers),
    quick: values.quick,
    check: values.check,
    help: values.help,
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
