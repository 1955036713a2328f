import type { Stand } from '../stand.ts';

export const seldon: Stand = {
  name: 'seldon',
  title: 'Seldon Core 1',
  environment: 'seldon',
  package: 'seldon-core',
  config: 'seldon.yaml',
  ports: ['seldonA', 'seldonB', 'seldonGrpcA', 'seldonGrpcB'],
  servers: ['A', 'B'].map((mark, index) => ({
    name: `Seldon's wrapper, model ${mark}`,
    environment: 'seldon',
    script: 'seldon_start.py',
    args: [`{{seldon${mark}Port}}`, `{{seldonGrpc${mark}Port}}`, String(index + 2)],
    ready: [`seldon${mark}`, '/health/status'],
  })),
  clients: [
    {
      name: 'seldon-client',
      title: 'SeldonClient',
      environment: 'seldon',
      script: 'seldon_client.py',
      package: 'seldon-core',
      protocol: 'Seldon v1 REST and gRPC',
    },
  ],
  notes: [
    "The server is the wrapper of a Python model, without Seldon's executor before it; its own command listens on every address, so it is started by its functions.",
  ],
};
