/** How a figure is written; `column` says whether it has a column in the table, `compared` whether in the ratios. */
export interface FigureStyle {
  readonly title: string;
  readonly digits: number;
  readonly scale?: number;
  readonly column: boolean;
  readonly compared: boolean;
}

function shown(title: string, digits: number, scale = 1): FigureStyle {
  return { title, digits, scale, column: true, compared: false };
}

function compared(title: string, digits: number, scale = 1): FigureStyle {
  return { title, digits, scale, column: true, compared: true };
}

function hidden(title: string): FigureStyle {
  return { title, digits: 2, column: false, compared: false };
}

/** Everything that a phase can measure. Times are in microseconds, shares in [0, 1], sizes in bytes or MB (10^6 bytes). */
export const figures = {
  rps: compared('rps', 0),
  p50Us: shown('p50 ms', 2, 1e-3),
  p99Us: compared('p99 ms', 2, 1e-3),
  cpuUsPerRequest: compared('CPU µs/request', 1),
  coreShare: shown('core used %', 0, 100),
  loadShare: shown('load core used %', 0, 100),
  rssMB: shown('RSS MB', 0),
  upstreamCalls: shown('upstream calls/request', 2),
  heldRssMB: shown('RSS MB, idle', 0),
  bytesPerConnection: shown('bytes/idle connection', 0),
  serialP50Us: compared('c=1 p50 µs', 0),
  serialP99Us: compared('c=1 p99 µs', 0),
  serialAddedP50Us: compared('c=1 added p50 µs', 0),
  serialAddedP99Us: compared('c=1 added p99 µs', 0),
  halfRps: shown('open loop rps', 0),
  halfP50Us: compared('open loop p50 µs', 0),
  halfP99Us: compared('open loop p99 µs', 0),
  halfAddedP50Us: compared('open loop added p50 µs', 0),
  halfAddedP99Us: compared('open loop added p99 µs', 0),
  halfUpstreamCalls: shown('open loop upstream calls/request', 2),
  halfLagP99Us: hidden('open loop lag p99 µs'),
  foreignShare: hidden('foreign share'),
  stealShare: hidden('steal share'),
} as const satisfies Record<string, FigureStyle>;

export type FigureName = keyof typeof figures;
export type Figures = Readonly<Partial<Record<FigureName, number>>>;
export const figureNames = Object.keys(figures) as FigureName[];

/** The style of a figure, with its scale filled in. */
export function styleOf(name: FigureName): Required<FigureStyle> {
  return { scale: 1, ...figures[name] };
}
