import type { Peer } from '../peer.ts';
import { bare } from './bare.ts';
import { caddy } from './caddy.ts';
import { direct } from './direct.ts';
import { fastifyProxy } from './fastify-proxy.ts';
import { grpcJs } from './grpc-js.ts';
import { haproxy } from './haproxy.ts';
import { makas, makasMain } from './makas.ts';
import { nginx, nginxLua } from './nginx.ts';

export const peers: readonly Peer[] = [
  direct,
  nginx,
  nginxLua,
  haproxy,
  caddy,
  bare,
  fastifyProxy,
  grpcJs,
  makas,
  makasMain,
];
