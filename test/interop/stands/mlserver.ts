import type { Stand } from '../stand.ts';

export const mlserver: Stand = {
  name: 'mlserver',
  title: 'MLServer',
  environment: 'mlserver',
  package: 'mlserver',
  config: 'mlserver.yaml',
  ports: ['mlserver', 'mlserverGrpc', 'metrics'],
  servers: [
    {
      name: 'MLServer',
      environment: 'mlserver',
      script: 'mlserver_start.py',
      args: ['{{folder}}/mlserver', '{{mlserverPort}}', '{{mlserverGrpcPort}}', '{{metricsPort}}'],
      ready: ['mlserver', '/v2/health/ready'],
    },
  ],
  clients: [
    {
      name: 'mlserver-rest',
      title: 'MLServer codecs, httpx',
      environment: 'mlserver',
      script: 'mlserver_rest.py',
      package: 'mlserver',
      protocol: 'V2 REST',
    },
    {
      name: 'mlserver-grpc',
      title: 'MLServer stubs, grpcio',
      environment: 'mlserver',
      script: 'mlserver_grpc.py',
      package: 'grpcio',
      protocol: 'V2 gRPC, streams',
    },
    {
      name: 'mlserver-triton',
      title: 'tritonclient.http, tritonclient.grpc',
      environment: 'triton',
      script: 'mlserver_triton.py',
      package: 'tritonclient',
      protocol: 'V2 REST, V2 gRPC',
    },
    {
      name: 'grpc-js',
      title: 'grpc-js',
      environment: 'node',
      script: 'grpc-js.ts',
      package: '@grpc/grpc-js',
      protocol: 'V2 gRPC, streams',
    },
  ],
  notes: [
    'Its own stubs send raw tensors with an empty `contents` beside them in every input, which KServe refuses.',
    "It streams bare `ModelInferResponse` messages. tritonclient expects Triton's message around them and reads the name of the model as the text of an error, without Makas as well.",
    'Over REST it does not take binary tensors: it answers 422. tritonclient.http asks for them unless told otherwise. A backend that is reached over gRPC takes them.',
    'gRPC messages above 4 MB are refused unless `grpc_max_message_length` is set, as it is here.',
  ],
};
