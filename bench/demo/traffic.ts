import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, type Client, describeSample, describeWithLab } from './client.ts';
import { type DemoRequest, readRequests } from './dataset.ts';
import { Tally } from './tally.ts';

/** Samples per second; each goes to all three routes at the same time. */
const RATE = 150;
/** Users of the canary's route; in a run of the usual length most come more than once. */
const USERS = 2000;
/** Every n-th sample is also asked about by a tester. */
const TESTER_EVERY = 25;
/** Samples under way; a machine that cannot keep the rate gets fewer requests, not a queue. */
const UNDER_WAY_MAX = 16;

export const routes = ['diagnosis', 'diagnosis-canary', 'diagnosis-even'] as const;
export type RouteName = (typeof routes)[number];

/** Durations in milliseconds of the requests of the latency phase; `direct` went to the model servers themselves. */
export type Latencies = Readonly<Record<RouteName | 'direct', number[]>>;

export interface TrafficOptions {
  readonly gateway: Client;
  readonly models: ReadonlyMap<string, Client>;
  /** Length of the main phase. */
  readonly seconds: number;
  /** Ends the traffic early. */
  readonly signal: AbortSignal;
}

/** Sends the held-out samples to the gateway and its models, and keeps what came back. */
export class Traffic {
  readonly tallies: Readonly<Record<RouteName | 'testers', Tally>>;
  /** Each model asked once about each sample, without the gateway. */
  readonly alone: Readonly<Record<'weak' | 'strong', Tally>>;
  readonly latencies: Latencies = { diagnosis: [], 'diagnosis-canary': [], 'diagnosis-even': [], direct: [] };
  /** How many rewards got which result. */
  readonly rewards = new Map<string, number>();
  readonly #options: TrafficOptions;
  readonly #requests: readonly DemoRequest[] = readRequests();
  readonly #bodies: readonly string[];
  readonly #bodiesWithLab: readonly string[];
  #startMs = 0;

  constructor(options: TrafficOptions) {
    this.#options = options;
    this.#bodies = this.#requests.map((request) => JSON.stringify(describeSample(request)));
    this.#bodiesWithLab = describeWithLab(this.#requests);
    const tally = (): Tally => new Tally(this.#requests.length);
    this.tallies = { diagnosis: tally(), 'diagnosis-canary': tally(), 'diagnosis-even': tally(), testers: tally() };
    this.alone = { weak: tally(), strong: tally() };
  }

  /** Part of the main phase that is over, in [0, 1]. */
  get elapsed(): number {
    if (this.#startMs === 0) return 0;
    return Math.min(1, (performance.now() - this.#startMs) / (this.#options.seconds * 1000));
  }

  /** Asks the weak and the strong model themselves, with the values that the gateway would add. */
  async askAlone(): Promise<void> {
    for (const name of ['weak', 'strong'] as const) {
      for (const [sample, { label }] of this.#requests.entries()) {
        this.#options.signal.throwIfAborted();
        const answer = await this.#askModel(name, sample);
        this.alone[name].add(name, sample, answer.label === label, 0);
      }
    }
  }

  /** The main phase: the same samples to all routes, at a fixed rate, with the truth as reward. */
  async run(): Promise<void> {
    const { signal, seconds } = this.#options;
    const underWay = new Set<Promise<void>>();
    const failures: unknown[] = [];
    this.#startMs = performance.now();
    const end = this.#startMs + seconds * 1000;
    for (let n = 0; failures.length === 0; n++) {
      const dueMs = this.#startMs + (n * 1000) / RATE;
      if (Math.max(dueMs, performance.now()) >= end) break;
      const waitMs = dueMs - performance.now();
      if (waitMs > 0) await sleep(waitMs, undefined, { signal });
      signal.throwIfAborted();
      if (underWay.size >= UNDER_WAY_MAX) await Promise.race(underWay);
      const round = this.#sendRound(n)
        .catch((error: unknown) => void failures.push(error))
        .finally(() => underWay.delete(round));
      underWay.add(round);
    }
    await Promise.all(underWay);
    if (failures.length > 0) throw failures[0];
  }

  /**
   * The latency phase: one request at a time, through each route and directly to a model in an order drawn anew for each
   * sample, so that all see the same moments of the machine.
   */
  async measureLatency(seconds: number): Promise<void> {
    const end = performance.now() + seconds * 1000;
    for (let n = 0; performance.now() < end; n++) {
      const sample = n % this.#requests.length;
      const turns = [...routes, 'direct' as const].map((name) => ({ name, draw: Math.random() }));
      for (const { name } of turns.toSorted((a, b) => a.draw - b.draw)) {
        this.#options.signal.throwIfAborted();
        const isDirect = name === 'direct';
        const answer = await (isDirect
          ? this.#askModel(n % 2 === 0 ? 'weak' : 'strong', sample)
          : this.#askRoute(name, sample, { 'x-user-id': `user-${n % USERS}` }));
        this.latencies[name].push(answer.tookMs);
        await this.#reward(answer, sample);
      }
    }
  }

  async #sendRound(n: number): Promise<void> {
    const sample = n % this.#requests.length;
    const unit = `user-${n % USERS}`;
    await Promise.all([
      this.#ask('diagnosis', 'diagnosis', sample),
      this.#ask('diagnosis-canary', 'diagnosis-canary', sample, { 'x-user-id': unit }, unit),
      this.#ask('diagnosis-even', 'diagnosis-even', sample),
      n % TESTER_EVERY === 0 ? this.#ask('testers', 'diagnosis', sample, { 'x-tier': 'beta' }) : undefined,
    ]);
  }

  async #ask(
    tally: keyof typeof this.tallies,
    route: RouteName,
    sample: number,
    headers: Readonly<Record<string, string>> = {},
    unit?: string,
  ): Promise<void> {
    const elapsed = this.elapsed;
    const answer = await this.#askRoute(route, sample, headers);
    this.tallies[tally].add(answer.backend, sample, this.#isRight(answer, sample), elapsed, unit);
    await this.#reward(answer, sample);
  }

  #askRoute(route: RouteName, sample: number, headers: Readonly<Record<string, string>>): Promise<Answer> {
    return this.#options.gateway.infer(route, this.#bodies[sample]!, headers);
  }

  #askModel(name: string, sample: number): Promise<Answer> {
    return this.#options.models.get(name)!.infer('tumor', this.#bodiesWithLab[sample]!);
  }

  #isRight(answer: Answer, sample: number): boolean {
    return answer.label === this.#requests[sample]!.label;
  }

  /** 1 for a right answer, 0 for a wrong one; only a bandit's answers bring a token. */
  async #reward(answer: Answer, sample: number): Promise<void> {
    if (answer.decision === null) return;
    const reward = this.#isRight(answer, sample) ? 1 : 0;
    const text = await this.#options.gateway.post('/rewards', { decision: answer.decision, reward });
    const { results = [], error }: { results?: { result: string }[]; error?: string } = JSON.parse(text);
    const result = results[0]?.result ?? error ?? text;
    this.rewards.set(result, (this.rewards.get(result) ?? 0) + 1);
  }
}
