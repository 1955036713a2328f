import type { JudgedBar } from './bars.ts';
import type { FigureName } from './figures.ts';
import type { Machine } from './machine.ts';
import type { Sample } from './sample.ts';
import type { Summary } from './summary.ts';

export interface ConfigText {
  readonly title: string;
  readonly text: string;
}

/** What a run of one scenario found: the content of its JSON file, from which page and chart are made. */
export interface Report {
  readonly scenario: string;
  readonly about: string;
  readonly command: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
  readonly machine: Machine;
  readonly load: string;
  readonly upstream: string;
  readonly peers: readonly { readonly name: string; readonly version: string }[];
  readonly configs: readonly ConfigText[];
  readonly warnings: readonly string[];
  readonly bars: readonly JudgedBar[];
  readonly chart: FigureName;
  readonly summaries: readonly Summary[];
  readonly samples: readonly Sample[];
}
