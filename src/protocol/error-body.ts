import { Buffer } from 'node:buffer';

/** The error body of both KServe V1 and the Open Inference Protocol: `{"error": message}` as UTF-8 JSON. */
export function errorBody(message: string): Buffer {
  return Buffer.from(JSON.stringify({ error: message }), 'utf8');
}
