import type { GrpcProtocol, Protocol } from '../core/facts.ts';

/** Requests that a backend takes as they are, beside those of its own protocol. */
const alsoSpoken: ReadonlyMap<Protocol, readonly Protocol[]> = new Map<Protocol, readonly Protocol[]>([
  ['triton', ['oip']],
  ['tfserving', ['kserve-v1']],
  ['mlflow', ['sagemaker']],
  ['sagemaker', ['mlflow']],
]);

/** Whether the messages of a protocol are protobuf over HTTP/2. */
export function isGrpc(protocol: Protocol): protocol is GrpcProtocol {
  return protocol.endsWith('-grpc');
}

/** Whether a backend takes requests of a protocol as they are, but for names and paths. */
export function speaks(backend: Protocol, request: Protocol): boolean {
  return backend === request || alsoSpoken.get(backend)?.includes(request) === true;
}
