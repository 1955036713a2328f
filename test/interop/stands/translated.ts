import type { Stand } from '../stand.ts';
import { mlserver } from './mlserver.ts';

export const translated: Stand = {
  ...mlserver,
  name: 'translated',
  title: 'MLServer, translated',
  config: 'translated.yaml',
  clients: [
    {
      name: 'translated-v1',
      title: 'InferenceRESTClient',
      environment: 'kserve',
      script: 'translated_v1.py',
      package: 'kserve',
      protocol: 'KServe V1 to V2 REST and V2 gRPC',
    },
    {
      name: 'translated-mlflow',
      title: 'ScoringServerClient, requests',
      environment: 'mlserver',
      script: 'translated_mlflow.py',
      package: 'mlflow',
      protocol: 'MLflow, SageMaker to V2 REST and V2 gRPC',
    },
    {
      name: 'translated-triton',
      title: 'tritonclient.http, tritonclient.grpc',
      environment: 'triton',
      script: 'translated_triton.py',
      package: 'tritonclient',
      protocol: 'V2 REST and V2 gRPC to each other',
    },
  ],
  notes: ['The same model is reached over REST and over gRPC; whoever is asked, the answer must be the same.'],
};
