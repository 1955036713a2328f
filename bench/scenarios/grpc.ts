import type { Bar } from '../bars.ts';
import { makasGrpcSplit } from '../configs/grpc-makas.ts';
import { caddyGrpcSplit, haproxyGrpcSplit, nginxGrpcSplit } from '../configs/grpc-proxies.ts';
import { saturation } from '../phases/saturation.ts';
import { warm } from '../phases/warm.ts';
import type { GrpcCase, Scenario } from '../scenario.ts';
import { UNITS } from './flower.ts';
import { flowerCall, flowerMessage } from './grpc-flower.ts';
import { none } from './pass.ts';

function grpcCase(name: string, connections: number, streams: number): GrpcCase {
  return {
    name,
    requests: UNITS,
    call: flowerCall,
    answer: flowerMessage,
    connections,
    streams,
    configs: {
      direct: none,
      nginx: nginxGrpcSplit,
      haproxy: haproxyGrpcSplit,
      caddy: caddyGrpcSplit,
      'grpc-js': none,
      makas: makasGrpcSplit,
    },
  };
}

const WIDE = grpcCase('64 connections of 1 stream', 64, 1);
const DEEP = grpcCase('4 connections of 16 streams', 4, 16);

function toNginx({ name }: GrpcCase): Bar {
  const term = (peer: string) => ({ peer, case: name, figure: 'cpuUsPerRequest' as const });
  return { of: term('makas'), to: term('nginx'), most: 2.2, aim: 1.3 };
}

/** As `pass`, in gRPC: many connections with one call each, and few with many. */
export const grpc: Scenario<GrpcCase> = {
  name: 'grpc',
  about:
    'A unary ModelInfer of gRPC with a tensor of four numbers, without TLS, split 90/10 between two backends, sticky by the ' +
    'user in the metadata. Makas routes by the model, which it reads out of the message, and counts every request in its ' +
    'metrics; the others route by the path alone, with metrics and logs off. The load comes from as many as eight processes ' +
    'of h2load, each with a user of its own.',
  cases: [WIDE, DEEP],
  phases: [warm, saturation],
  bars: [WIDE, DEEP].map(toNginx),
  chart: 'cpuUsPerRequest',
};
