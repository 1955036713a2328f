import { isAnswering as isAnsweringHttp2, probeCall, probeCalls } from './grpc-probe.ts';
import { READY_PATH } from './nginx.ts';
import { isAnswering, probe, probeOne } from './probe.ts';
import { isGrpc, type AnyCase, type Case, type GrpcCase } from './scenario.ts';
import { startGrpcUpstream } from './upstream/grpc-upstream.ts';
import { startGrpcWitness } from './upstream/grpc-witness.ts';
import { startUpstream, type Upstream } from './upstream/upstream.ts';
import { startWitness, type Witness } from './upstream/witness.ts';

/** What stands on both sides of a peer in a case and speaks its protocol. */
export interface Surroundings {
  readonly startUpstream: (dir: string) => Promise<Upstream>;
  readonly startWitness: () => Promise<Witness>;
  /** Whether a proxy answers at its port. */
  readonly isReady: (port: number) => Promise<boolean>;
  /** Sends request n; throws unless the answer is right. */
  readonly probeOne: (name: string, port: number, n: number) => Promise<void>;
  /** Sends a few requests; throws on the first wrong answer. */
  readonly probe: (name: string, port: number) => Promise<void>;
}

function ofHttp(own: Case): Surroundings {
  return {
    startUpstream: (dir) => startUpstream(dir, own),
    startWitness: () => startWitness(own),
    isReady: (port) => isAnswering(port, READY_PATH),
    probeOne: (name, port, n) => probeOne(name, port, own, n),
    probe: (name, port) => probe(name, port, own),
  };
}

function ofGrpc(own: GrpcCase): Surroundings {
  return {
    startUpstream: (dir) => startGrpcUpstream(dir, own),
    startWitness: () => startGrpcWitness(own),
    isReady: isAnsweringHttp2,
    probeOne: (name, port, n) => probeCall(name, port, own, n),
    probe: (name, port) => probeCalls(name, port, own),
  };
}

export function surroundingsOf(own: AnyCase): Surroundings {
  return isGrpc(own) ? ofGrpc(own) : ofHttp(own);
}
