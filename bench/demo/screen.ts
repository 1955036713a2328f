import type { Tally } from './tally.ts';
import { count, layTable, percent, sparkline } from './text.ts';
import type { Traffic } from './traffic.ts';

const REDRAW_MS = 200;
const LINE_MS = 2000;
const LATENCY_LINE = '     measuring latency, one request at a time';

/** Shows the traffic while it runs: a table that is drawn again in its place, or on no terminal a line now and then. */
export class Screen {
  readonly #out = process.stdout;
  readonly #traffic: Traffic;
  readonly #seconds: number;
  #drawn = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(traffic: Traffic, seconds: number) {
    this.#traffic = traffic;
    this.#seconds = seconds;
  }

  start(): void {
    const show = this.#out.isTTY ? (): void => this.#redraw() : (): void => this.#printLine();
    this.#timer = setInterval(show, this.#out.isTTY ? REDRAW_MS : LINE_MS);
  }

  /** Stops, and takes the table away: the final one comes in its place. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#clear();
  }

  #redraw(): void {
    const lines = this.#table().map((line) => line.slice(0, Math.max(20, this.#out.columns - 1)));
    this.#clear();
    this.#out.write(`${lines.join('\n')}\n`);
    this.#drawn = lines.length;
  }

  #clear(): void {
    if (this.#drawn > 0) this.#out.write(`\x1b[${this.#drawn}A\x1b[J`);
    this.#drawn = 0;
  }

  #printLine(): void {
    if (this.#traffic.elapsed < 1) return console.log(this.#line());
    this.stop();
    console.log(LATENCY_LINE);
  }

  #table(): string[] {
    const { tallies, elapsed, rewards } = this.#traffic;
    const rows = Object.entries(tallies).map(([name, tally]) => [
      name,
      count(tally.requests),
      ...['weak', 'strong', 'candidate'].map((arm) => percent(tally.shareOf(arm))),
      percent(tally.accuracy),
    ]);
    const over = `${(elapsed * this.#seconds).toFixed(0).padStart(3)} s of ${this.#seconds} s`;
    return [
      elapsed < 1 ? over : LATENCY_LINE,
      ...layTable([['route', 'requests', 'weak', 'strong', 'candidate', 'right'], ...rows]),
      `bandit, strong's share over time  ${sparkline(tallies.diagnosis.strongBySlice)}`,
      `rewards counted ${count(rewards.get('counted') ?? 0)}`,
    ];
  }

  #line(): string {
    const { tallies, elapsed } = this.#traffic;
    const { diagnosis, 'diagnosis-even': even } = tallies;
    const seconds = (elapsed * this.#seconds).toFixed(0).padStart(3);
    const bandit = `strong ${percent(recentShare(diagnosis), 0)}, ${percent(diagnosis.accuracy)} right`;
    return `${seconds} s  ${count(diagnosis.requests)} requests a route; bandit: ${bandit}; even split: ${percent(even.accuracy)} right`;
  }
}

/** Share of the strong model in the last slice that is over. */
function recentShare({ strongBySlice }: Tally): number {
  return strongBySlice.filter((share) => !Number.isNaN(share)).at(-2) ?? Number.NaN;
}
