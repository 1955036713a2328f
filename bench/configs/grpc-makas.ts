import type { Configure } from '../scenario.ts';
import { SPLIT_ROUTE } from './makas.ts';

/** One route for the model iris, which is read out of the message, split 90/10 by user. */
export const makasGrpcSplit: Configure = (place) => {
  const backend = `{ protocol: oip-grpc, endpoints: ["http://127.0.0.1:${place.upstreamPort}"], timeout: 5s }`;
  return `version: 1
listen:
  http: { host: 127.0.0.1, port: 0 }
  grpc: { host: 127.0.0.1, port: ${place.port} }
  admin: { host: 127.0.0.1, port: ${place.adminPort} }
workers: 1
state: { kind: embedded, path: ${JSON.stringify(`${place.dir}/state`)} }
backends:
  iris-v1: ${backend}
  iris-v2: ${backend}
routes:
${SPLIT_ROUTE}`;
};
