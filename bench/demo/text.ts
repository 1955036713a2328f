/** Eight heights of a bar; a space stands for nothing known. */
const BARS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/** One character for each share in [0, 1]. */
export function sparkline(shares: readonly number[]): string {
  return shares
    .map((share) => (Number.isNaN(share) ? ' ' : BARS[Math.min(BARS.length - 1, Math.floor(share * BARS.length))]))
    .join('');
}

/** A share as people read it: `94.3 %`; `-` when there is none. */
export function percent(share: number, digits = 1): string {
  return Number.isNaN(share) ? '-' : `${(share * 100).toFixed(digits)} %`;
}

/** A difference of shares in percentage points, with its sign. */
export function points(difference: number): string {
  return `${difference < 0 ? '-' : '+'}${Math.abs(difference * 100).toFixed(1)}`;
}

/** Whole numbers with commas. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** Columns as wide as their widest cell: the first to the left, the others to the right. */
export function layTable(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd(),
  );
}

/** Breaks a line at spaces to at most `width` characters; what follows begins at the column `indent`. */
export function wrapLine(line: string, width: number, indent: number): string[] {
  const lines: string[] = [];
  let rest = line;
  while (rest.length > width) {
    const space = rest.lastIndexOf(' ', width);
    const at = space > indent ? space : width;
    lines.push(rest.slice(0, at));
    rest = ' '.repeat(indent) + rest.slice(at).trimStart();
  }
  return [...lines, rest];
}
