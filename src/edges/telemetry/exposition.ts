import { setImmediate as nextTurn } from 'node:timers/promises';

import { Registry, type OpenMetricsContentType } from 'prom-client';

import type { Family } from './family.ts';
import { PromView, type Format, type PromRegistry } from './prom-view.ts';

/** Series that are written before other work gets its turn: well under a millisecond. */
const PART = 64;

/** One text format: its registry, its views of the families, and the rendering under way. */
export class Exposition {
  readonly registry: PromRegistry;
  readonly #views: readonly PromView[];
  readonly #ending: string;
  #rendering: Promise<string> | null = null;

  constructor(format: Format, families: readonly Family[]) {
    const registry: PromRegistry = format === 'text' ? new Registry() : openMetricsRegistry();
    this.registry = registry;
    this.#views = families.map((family) => new PromView(family, format, registry));
    this.#ending = format === 'text' ? '\n' : '\n# EOF\n';
  }

  /** Renderings that are asked for at the same time are one. */
  render(collect: () => void): Promise<string> {
    this.#rendering ??= this.#renderAll(collect).finally(() => {
      this.#rendering = null;
    });
    return this.#rendering;
  }

  /** In parts with pauses between them: a scrape must not hold up requests. */
  async #renderAll(collect: () => void): Promise<string> {
    collect();
    const parts: string[] = [];
    let written = 0;
    for (const view of this.#views) {
      for (let from = 0; from === 0 || from < view.size; from += PART) {
        view.limit(from, from + PART);
        const text = await this.registry.getSingleMetricAsString(view.familyName);
        const part = from === 0 ? text : withoutHead(text);
        if (part !== '') parts.push(part);
        written += Math.min(PART, view.size - from);
        if (written < PART) continue;
        written = 0;
        await nextTurn();
      }
      view.limit(0, Infinity);
    }
    return parts.join('\n') + this.#ending;
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
