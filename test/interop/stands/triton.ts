import type { Stand } from '../stand.ts';

export const triton: Stand = {
  name: 'triton',
  title: 'Triton 2.51',
  environment: 'triton',
  package: 'nvidia-pytriton',
  config: 'triton.yaml',
  ports: ['triton', 'tritonGrpc'],
  servers: [
    {
      name: 'Triton',
      environment: 'triton',
      script: 'triton_start.py',
      args: ['{{folder}}/triton', '{{tritonPort}}', '{{tritonGrpcPort}}'],
      ready: ['triton', '/v2/health/ready'],
    },
  ],
  clients: [
    {
      name: 'triton-http',
      title: 'tritonclient.http',
      environment: 'triton',
      script: 'triton_http.py',
      package: 'tritonclient',
      protocol: 'V2 REST, binary tensors, generate',
    },
    {
      name: 'triton-grpc',
      title: 'tritonclient.grpc',
      environment: 'triton',
      script: 'triton_grpc.py',
      package: 'tritonclient',
      protocol: 'V2 gRPC, streams',
    },
  ],
  notes: [
    "The server is the one of PyTriton's wheel, Triton 2.51, with the Python backend on the CPU.",
    '`generate` of a model with several answers is an error with status 200. Some errors have the content type `text/plain` although the body is JSON.',
    'An error within a stream does not end it, unless the call asks for `triton_grpc_error`. The server dies when a model goes on to answer after such an end, without Makas as well; the model here does not.',
    'Its SageMaker and Vertex listeners take every address and have no setting for that; they were not tried.',
  ],
};
