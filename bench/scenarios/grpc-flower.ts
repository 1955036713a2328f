import type { Buffer } from 'node:buffer';
import { join } from 'node:path';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { Call } from '../scenario.ts';
import { flowerRequest, UNITS } from './flower.ts';

const PROTOS = join(import.meta.dirname, '../../src/edges/grpc/protos');
const ID = '7f3c1c9e-0d0f-4c55-9d0b-3a0f6a5b2e11';

function modelInfer(): MethodDefinition<object, object> {
  const own = loadSync('inference.proto', { includeDirs: [PROTOS], keepCase: true })['inference.GRPCInferenceService'];
  const method = (own as ServiceDefinition | undefined)?.['ModelInfer'];
  if (method === undefined) throw new Error('inference.proto has no ModelInfer');
  return method;
}

const { path, requestSerialize, responseSerialize } = modelInfer();

/** About 90 bytes of message: one tensor of four numbers. */
const message = requestSerialize({
  model_name: 'iris',
  id: ID,
  inputs: [{ name: 'input', datatype: 'FP32', shape: [1, 4], contents: { fp32_contents: [5.1, 3.5, 1.4, 0.2] } }],
});

/** The call of user n. */
export function flowerCall(n: number): Call {
  const user = flowerRequest(n % UNITS).headers['x-user-id'] ?? '';
  return { path, metadata: { 'x-user-id': user }, message };
}

export const flowerMessage: Buffer = responseSerialize({
  model_name: 'iris',
  model_version: '1',
  id: ID,
  outputs: [{ name: 'scores', datatype: 'FP32', shape: [1, 3], contents: { fp32_contents: [0.97, 0.02, 0.01] } }],
});
