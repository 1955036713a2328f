import type { Buffer } from 'node:buffer';

/** Longer texts are cut: they go into headers of gRPC. */
const textMax = 2048;

/**
 * What a model server says about an error, from the forms in use: `{"error": text}`, `{"error": {"message": text}}`,
 * `{"message": text}`, `{"detail": text}`, `{"status": {"info": text}}`; else the body as text, cut after 2,048 characters.
 */
export function readErrorText(body: Buffer): string {
  const text = body.toString('utf8', 0, 4 * textMax);
  return (messageIn(parse(text)) ?? text).slice(0, textMax);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

function messageIn(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return null;
  for (const key of ['error', 'message', 'detail', 'status', 'info', 'reason']) {
    if (!Object.hasOwn(value, key)) continue;
    const message = messageIn((value as Record<string, unknown>)[key]);
    if (message !== null && message !== '') return message;
  }
  return null;
}
