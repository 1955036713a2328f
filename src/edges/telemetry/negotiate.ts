import type { Format } from './prom-view.ts';

/** OpenMetrics for those who ask for it and do not rather have the plain text format. */
export function negotiate(accept: string | undefined): Format {
  let text = 0;
  let openMetrics = 0;
  for (const range of (accept ?? '').split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const q = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1);
    if (type === 'application/openmetrics-text') openMetrics = Math.max(openMetrics, q);
    else if (type === 'text/plain') text = Math.max(text, q);
  }
  return openMetrics > text ? 'openmetrics' : 'text';
}
