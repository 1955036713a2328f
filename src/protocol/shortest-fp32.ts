import { writeFp32 } from './json-number.ts';
import { JsonWriter } from './json-writer.ts';

const scratch = new JsonWriter();

/** The double that the shortest text of an FP32 reads as: what a client meant that wrote 0.1 into a float. */
export function shortestFp32(value: number): number {
  if (!Number.isFinite(value)) return value;
  scratch.reset();
  writeFp32(scratch, value);
  return Number(scratch.toString());
}
