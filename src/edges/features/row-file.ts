import { createReadStream } from 'node:fs';

import { CsvError, parse } from 'csv-parse';

/** A row of a feature file by column name. */
export type Row = Readonly<Record<string, unknown>>;
export type Rows = ReadonlyMap<string, Row>;

/** Rows are held in memory; a larger table belongs into a store. */
export const maxRows = 1_000_000;
/** Characters; a file without line ends must not be gathered in memory before it is refused. */
const maxLineLength = 1_000_000;

/**
 * Reads a feature file whole: `.csv` with a header row, anything else as JSON Lines. Rows are found by their key field;
 * of two rows with one key the later counts. Throws an error that names the line; nothing of a broken file is used.
 */
export async function readRows(path: string, keyField: string): Promise<Rows> {
  const rows = new Map<string, Row>();
  const source = path.endsWith('.csv') ? readCsv(path) : readJsonLines(path);
  for await (const [line, row] of source) {
    const key = readKey(row, keyField);
    if (key === null) throw new Error(`${path}:${line}: the row has no key: "${keyField}" must be text or an integer`);
    rows.set(key, row);
    if (rows.size > maxRows) throw new Error(`${path}:${line}: more than ${maxRows} rows`);
  }
  return rows;
}

function readKey(row: Row, keyField: string): string | null {
  const key = Object.hasOwn(row, keyField) ? row[keyField] : null;
  if (typeof key === 'string' && key !== '') return key;
  return typeof key === 'bigint' || Number.isSafeInteger(key) ? String(key) : null;
}

async function* readJsonLines(path: string): AsyncGenerator<[number, Row]> {
  let number = 0;
  let rest = '';
  for await (const chunk of createReadStream(path, 'utf8') as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > maxLineLength) throw new Error(`${path}:${number + 1}: the line is too long`);
    for (const line of lines) {
      const row = parseLine(line, path, ++number);
      if (row !== null) yield [number, row];
    }
  }
  const last = parseLine(rest, path, ++number);
  if (last !== null) yield [number, last];
}

/** Null for an empty line. */
function parseLine(line: string, path: string, number: number): Row | null {
  const text = number === 1 && line.startsWith('\uFEFF') ? line.slice(1) : line;
  if (text.trim() === '') return null;
  let row: Row | unknown[] | null | string | number | boolean;
  try {
    row = /\d{16}/.test(text) ? JSON.parse(text, keepDigits) : JSON.parse(text);
  } catch {
    throw new Error(`${path}:${number}: the line is not JSON`);
  }
  if (typeof row !== 'object' || row === null || Array.isArray(row)) {
    throw new Error(`${path}:${number}: the line is not a JSON object`);
  }
  return row;
}

/** Integers that a double cannot hold stay exact. */
function keepDigits(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
  return context?.source !== undefined && /^-?\d+$/.test(context.source) ? BigInt(context.source) : value;
}

async function* readCsv(path: string): AsyncGenerator<[number, Row]> {
  const parser = parse({ columns: true, bom: true, info: true, skip_empty_lines: true, trim: true, cast: emptyToNull });
  const input = createReadStream(path);
  input.once('error', (error) => parser.destroy(error));
  input.pipe(parser);
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: Row; info: { lines: number } }>) {
      yield [info.lines, record];
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new Error(`${path}:${String(error['lines'])}: ${error.message}`, { cause: error });
  } finally {
    input.destroy();
  }
}

function emptyToNull(text: string): string | null {
  return text === '' ? null : text;
}
