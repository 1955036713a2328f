import type { Buffer } from 'node:buffer';

import { VARINT, WireWriter } from '../../protocol/grpc/wire.ts';
import { version } from '../../version.ts';
import { type OwnMethod, unary } from './own-methods.ts';

const extensions = ['binary_tensor_data'];

/** What `inference.GRPCInferenceService` asks of the gateway itself: whether it lives, is ready, and what it is. */
export function serverMethods(isReady: () => boolean): ReadonlyMap<string, OwnMethod> {
  const path = '/inference.GRPCInferenceService/';
  return new Map([
    [`${path}ServerLive`, unary(() => ({ ok: true, message: flag(true) }))],
    [`${path}ServerReady`, unary(() => ({ ok: true, message: flag(isReady()) }))],
    [`${path}ServerMetadata`, unary(() => ({ ok: true, message: metadata() }))],
  ]);
}

/** ServerLiveResponse{live = 1} and ServerReadyResponse{ready = 1}. */
function flag(value: boolean): Buffer {
  const writer = new WireWriter(2);
  if (!value) return writer.finish();
  writer.tag(1, VARINT);
  writer.varint(1);
  return writer.finish();
}

/** ServerMetadataResponse{name = 1, version = 2, extensions = 3}. */
function metadata(): Buffer {
  const writer = new WireWriter();
  writer.text(1, 'makas');
  writer.text(2, version);
  for (const extension of extensions) writer.text(3, extension);
  return writer.finish();
}
