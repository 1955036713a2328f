import type { Operation, Protocol } from '../core/facts.ts';
import { type CodecFailure, fail } from './codec-result.ts';
import type { Into } from './feature-into.ts';
import { isGrpc } from './protocols.ts';

/** Of where features go. */
export type PlaceKind = Into['kind'];

const withTensors: ReadonlySet<Protocol> = new Set<Protocol>(['oip', 'triton', 'oip-grpc']);
const withRows: ReadonlySet<Protocol> = new Set<Protocol>(['kserve-v1', 'tfserving', 'vertex']);
const withoutTensors: ReadonlySet<Operation> = new Set<Operation>(['generate', 'generate-stream']);

/** How a JSON request holds its input: as tensors of the Open Inference Protocol, or as rows, which all else counts as. */
export type BodyForm = 'tensors' | 'rows';

/** The form of the JSON requests of a protocol. */
export function formOf(protocol: Protocol): BodyForm {
  return withTensors.has(protocol) ? 'tensors' : 'rows';
}

/** Whether requests of a protocol have the place where features go; no request of gRPC has a place for JSON. */
export function hasPlace(protocol: Protocol, kind: PlaceKind): boolean {
  switch (kind) {
    case 'tensor':
    case 'tensors':
      return withTensors.has(protocol);
    case 'columns':
      return withRows.has(protocol);
    case 'parameters':
      return protocol === 'oip-grpc' || !isGrpc(protocol);
    default:
      return !isGrpc(protocol);
  }
}

/** The failure for a request that does not have the place where its features go; null when it has. */
export function checkPlace(protocol: Protocol, operation: Operation, kind: PlaceKind): CodecFailure | null {
  const isTensor = kind === 'tensor' || kind === 'tensors';
  if (isTensor && withoutTensors.has(operation)) {
    const text =
      'The features of this route are input tensors, which a generate request does not have; send an infer request.';
    return fail('BAD_BODY', 'UNSUPPORTED_FIELD', text);
  }
  return hasPlace(protocol, kind) ? null : failPlace(protocol, kind);
}

/** The failure for features that have no place in requests of a protocol. */
export function failPlace(protocol: Protocol, kind: PlaceKind): CodecFailure {
  const text = `The features of this route go into ${words[kind]}, which requests of ${protocol} do not have; the operator can change that with \`into\`.`;
  return fail('BAD_BODY', 'UNSUPPORTED_FIELD', text);
}

const words: Readonly<Record<PlaceKind, string>> = {
  tensor: 'an input tensor',
  tensors: 'input tensors',
  columns: 'rows of "instances"',
  parameters: '"parameters"',
  pointer: 'a JSON document',
};
