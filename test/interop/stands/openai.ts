import type { Stand } from '../stand.ts';

export const openai: Stand = {
  name: 'openai',
  title: 'OpenAI-compatible, of our own',
  environment: 'kserve',
  package: 'starlette',
  config: 'openai.yaml',
  ports: ['small', 'large'],
  servers: ['small', 'large'].map((name) => ({
    name: `server of makas/${name}`,
    environment: 'kserve',
    script: 'openai_start.py',
    args: [`{{${name}Port}}`, `makas/${name}`],
    ready: [name, '/v1/models'],
  })),
  clients: [
    {
      name: 'openai-client',
      title: 'openai',
      environment: 'kserve',
      script: 'openai_client.py',
      package: 'openai',
      protocol: 'OpenAI, server-sent events',
    },
  ],
  notes: [
    'The server is a small one of this repository, in Python; it can break off in the middle, which a real one does rarely.',
  ],
};
