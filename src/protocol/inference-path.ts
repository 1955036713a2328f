import type { Operation, Protocol } from '../core/facts.ts';
import { parseV1Path, v1Path, type V1Operation } from './kserve-v1.ts';
import { oipPath, parseOipPath, type OipOperation } from './oip-rest.ts';

/** What a path of any protocol asks for; names are decoded, `''` where the path names none. */
export interface InferencePath {
  readonly protocol: Protocol;
  readonly operation: Operation;
  readonly model: string;
  readonly version: string;
  /** The one method that the operation takes. */
  readonly method: 'GET' | 'POST';
}

/**
 * Reads a path (no query, any prefix removed) of one of the HTTP protocols, or null. See `parseOipPath` and
 * `parseV1Path` for what is refused.
 */
export function parseInferencePath(path: string): InferencePath | null {
  const oip = parseOipPath(path);
  if (oip !== null) return inferencePath('oip', oip.operation, oip.model, oip.version);
  const v1 = parseV1Path(path);
  if (v1 === null) return null;
  return inferencePath('kserve-v1', v1.operation === 'predict' ? 'infer' : v1.operation, v1.model, null);
}

/** Writes the path of an operation in a protocol, names percent-encoded; null when the protocol has no such path. */
export function writeInferencePath(
  protocol: Protocol,
  operation: Operation,
  model: string,
  version: string,
): string | null {
  if (protocol === 'oip') {
    return operation === 'explain' ? null : oipPath(operation as OipOperation, model, version === '' ? null : version);
  }
  if (operation === 'infer') return v1Path('predict', model);
  const known = operation === 'explain' || operation === 'model-ready' || operation === 'model-list';
  return known ? v1Path(operation as V1Operation, model) : null;
}

function inferencePath(
  protocol: Protocol,
  operation: Operation,
  model: string | null,
  version: string | null,
): InferencePath {
  const method = operation === 'infer' || operation === 'explain' ? 'POST' : 'GET';
  return { protocol, operation, model: model ?? '', version: version ?? '', method };
}
