import type { Stand } from '../stand.ts';

export const mlflow: Stand = {
  name: 'mlflow',
  title: 'MLflow scoring server',
  environment: 'mlserver',
  package: 'mlflow',
  config: 'mlflow.yaml',
  ports: ['mlflowA', 'mlflowB'],
  servers: [
    {
      name: 'MLflow, first model',
      environment: 'mlserver',
      script: 'mlflow_start.py',
      args: ['{{folder}}/mlflow-a', '{{mlflowAPort}}', '1.0'],
      ready: ['mlflowA', '/ping'],
    },
    {
      name: 'MLflow, second model',
      environment: 'mlserver',
      script: 'mlflow_start.py',
      args: ['{{folder}}/mlflow-b', '{{mlflowBPort}}', '0.01'],
      ready: ['mlflowB', '/ping'],
    },
  ],
  clients: [
    {
      name: 'mlflow-client',
      title: 'ScoringServerClient, requests',
      environment: 'mlserver',
      script: 'mlflow_client.py',
      package: 'mlflow',
      protocol: 'MLflow, SageMaker',
    },
  ],
  notes: [
    'ScoringServerClient can send no header, so each of its requests is a unit of its own.',
    "SageMaker's contract is tried with the same server, whose paths are the same.",
  ],
};
