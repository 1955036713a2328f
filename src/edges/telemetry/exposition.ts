import { setImmediate as nextTurn } from 'node:timers/promises';

import { Registry, type OpenMetricsContentType } from 'prom-client';

import type { Family } from './family.ts';
import { PromView, type Format, type PromRegistry } from './prom-view.ts';

/** Lines that are written before other work gets its turn: a fraction of a millisecond, little more the first time. */
export const LINES_PER_TURN = 128;
/** HELP and TYPE. */
const HEAD_LINES = 2;

/** One text format: its registry and its views of the families. */
export class Exposition {
  readonly registry: PromRegistry;
  readonly #views: readonly PromView[];
  readonly #ending: string;

  constructor(format: Format, families: readonly Family[]) {
    const registry: PromRegistry = format === 'text' ? new Registry() : openMetricsRegistry();
    this.registry = registry;
    this.#views = families.map((family) => new PromView(family, format, registry));
    this.#ending = format === 'text' ? '' : '# EOF\n';
  }

  /** In parts with pauses between them: a scrape must not hold up requests. */
  async render(): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const part of this.parts()) {
      parts.push(part);
      await nextTurn();
    }
    return Buffer.concat(parts);
  }

  /** The exposition in pieces of at most about `LINES_PER_TURN` lines, as bytes: to encode it whole would take long. */
  async *parts(): AsyncGenerator<Buffer> {
    let texts: string[] = [];
    let lines = 0;
    for (const view of this.#views) {
      const step = Math.max(1, Math.floor((LINES_PER_TURN - HEAD_LINES) / view.linesPerSeries));
      for (let from = 0; from === 0 || from < view.size; from += step) {
        const count = HEAD_LINES + Math.min(step, view.size - from) * view.linesPerSeries;
        if (lines > 0 && lines + count > LINES_PER_TURN) {
          yield Buffer.from(texts.join(''));
          texts = [];
          lines = 0;
        }
        view.limit(from, from + step);
        const text = await this.registry.getSingleMetricAsString(view.familyName);
        view.limit(0, Infinity);
        const part = from === 0 ? text : withoutHead(text);
        if (part !== '') texts.push(part, '\n');
        lines += count;
      }
    }
    yield Buffer.from(texts.join('') + this.#ending);
  }
}

/** HELP and TYPE stand once for a family; prom-client writes them before each part. */
function withoutHead(text: string): string {
  const end = text.indexOf('\n', text.indexOf('\n') + 1);
  return end === -1 ? '' : text.slice(end + 1);
}

function openMetricsRegistry(): Registry<OpenMetricsContentType> {
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  return registry;
}
