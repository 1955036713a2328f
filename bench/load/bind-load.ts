import { isGrpc, type AnyCase, type GrpcCase } from '../scenario.ts';
import type { Load, LoadGenerator } from './load.ts';

/** The generators of the closed loops, by protocol. */
export interface Generators {
  readonly http: LoadGenerator;
  /** Null when it is not installed. */
  readonly grpc: LoadGenerator<GrpcCase> | null;
}

/** The load of a case. Throws when its generator is missing. */
export function bindLoad({ http, grpc }: Generators, own: AnyCase): Load {
  if (!isGrpc(own)) {
    const { name, version } = http;
    return { name, version, run: async (shape) => await http.run({ ...shape, case: own }) };
  }
  if (grpc === null) throw new Error('h2load: not installed; `npm run bench -- --install` gets it');
  const { name, version } = grpc;
  return { name, version, run: async (shape) => await grpc.run({ ...shape, case: own }) };
}
