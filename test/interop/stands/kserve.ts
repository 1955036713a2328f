import type { Stand } from '../stand.ts';

export const kserve: Stand = {
  name: 'kserve',
  title: 'KServe',
  environment: 'kserve',
  package: 'kserve',
  config: 'kserve.yaml',
  ports: ['kserve', 'kserveGrpc'],
  servers: [
    {
      name: 'KServe',
      environment: 'kserve',
      script: 'kserve_start.py',
      args: ['{{kservePort}}', '{{kserveGrpcPort}}'],
      ready: ['kserve', '/v2/health/live'],
    },
  ],
  clients: [
    {
      name: 'kserve-v1',
      title: 'InferenceRESTClient',
      environment: 'kserve',
      script: 'kserve_v1.py',
      package: 'kserve',
      protocol: 'KServe V1',
    },
    {
      name: 'kserve-v2',
      title: 'InferenceRESTClient',
      environment: 'kserve',
      script: 'kserve_v2.py',
      package: 'kserve',
      protocol: 'V2 REST, binary tensors',
    },
    {
      name: 'kserve-grpc',
      title: 'InferenceGRPCClient',
      environment: 'kserve',
      script: 'kserve_grpc.py',
      package: 'kserve',
      protocol: 'V2 gRPC',
    },
    {
      name: 'kserve-translated',
      title: 'InferenceRESTClient, InferenceGRPCClient',
      environment: 'kserve',
      script: 'kserve_translated.py',
      package: 'kserve',
      protocol: 'V1, V2 REST and V2 gRPC to each other',
    },
  ],
  notes: [
    'A structured CloudEvent is taken for one only when it has a `time`.',
    'Over gRPC a model that is not ready answers; over REST it is 503.',
    'Its OpenAI endpoints need vLLM, and so PyTorch; they were not tried.',
    'It listens on every address and has no setting for that; here it is made to listen on loopback.',
  ],
};
