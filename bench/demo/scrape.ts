/** One scrape of `/metrics`, in the text format of Prometheus. */
export class Scrape {
  readonly #series: readonly { readonly name: string; readonly labels: ReadonlyMap<string, string>; value: number }[];

  constructor(text: string) {
    this.#series = text.split('\n').flatMap((line) => {
      const [, name, labels = '', value] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      return name === undefined ? [] : [{ name, labels: readLabels(labels), value: Number(value) }];
    });
  }

  /** Sum over all series of a metric that have these labels. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const wanted = Object.entries(labels);
    return this.#series
      .filter((series) => series.name === name && wanted.every(([key, value]) => series.labels.get(key) === value))
      .reduce((sum, { value }) => sum + value, 0);
  }

  /** Sums of a metric by the values of one label, in the order of the scrape. */
  by(name: string, label: string): Map<string, number> {
    const sums = new Map<string, number>();
    for (const series of this.#series) {
      const key = series.labels.get(label);
      if (series.name === name && key !== undefined) sums.set(key, (sums.get(key) ?? 0) + series.value);
    }
    return sums;
  }
}

function readLabels(text: string): Map<string, string> {
  return new Map(
    Array.from(text.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g), ([, key = '', value = '']) => [key, value]),
  );
}
