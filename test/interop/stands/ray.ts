import type { Stand } from '../stand.ts';

export const ray: Stand = {
  name: 'ray',
  title: 'Ray Serve',
  environment: 'ray',
  package: 'ray',
  config: 'ray.yaml',
  ports: ['ray', 'rayGrpc'],
  servers: [
    {
      name: 'Ray Serve',
      environment: 'ray',
      script: 'ray_start.py',
      args: ['{{folder}}/ray', '{{rayPort}}', '{{rayGrpcPort}}'],
      ready: ['ray', '/app-b'],
    },
  ],
  clients: [
    {
      name: 'ray-http',
      title: 'httpx',
      environment: 'ray',
      script: 'ray_http.py',
      package: 'httpx',
      protocol: 'Ray Serve HTTP',
    },
    {
      name: 'ray-grpc',
      title: 'grpcio',
      environment: 'ray',
      script: 'ray_grpc.py',
      package: 'grpcio',
      protocol: 'Ray Serve gRPC',
    },
  ],
  notes: ['Two apps of one Ray Serve. Its proxies listen on loopback; ports of its own between its processes do not.'],
};
