import { Type } from 'typebox';
import { defaults } from '../defaults.ts';
import { Duration, OneOf, Size, Strict, TextWithSecrets } from './scalars.ts';

/** Protocols that a backend may speak. Those not yet built are refused by the check with a clear error. */
export const BackendProtocol = OneOf(
  [
    'oip',
    'kserve-v1',
    'triton',
    'tfserving',
    'mlflow',
    'seldon-v1',
    'ray-serve',
    'openai',
    'sagemaker',
    'vertex',
    'oip-grpc',
  ],
  {
    description: 'Protocol of the model server. Built: `oip` (Open Inference Protocol V2 REST) and `kserve-v1`.',
    examples: ['oip'],
  },
);

export const Backend = Strict(
  {
    protocol: BackendProtocol,
    endpoints: Type.Array(
      Type.String({
        pattern: '^https?://[^\\s/?#]+(/[^\\s?#]*)?$',
        description: 'Address of one server of the model, with an optional path prefix.',
        'x-expected': 'an address such as http://127.0.0.1:9001',
      }),
      {
        minItems: 1,
        description: 'Addresses that serve this model version.',
        examples: [['http://127.0.0.1:9001']],
      },
    ),
    model: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'Name of the model on its server, when it is not the name that the client asks for.',
        examples: ['iris'],
      }),
    ),
    version: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'Version of the model on its server; the version in the request goes through when this is not set.',
        examples: ['2'],
      }),
    ),
    timeout: Type.Optional(Duration('Longest wait for the whole answer.', { default: defaults.backend.timeout })),
    connectTimeout: Type.Optional(
      Duration('Longest wait for a connection.', { default: defaults.backend.connectTimeout }),
    ),
    connections: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 4096,
        description: 'Most connections to each endpoint.',
        default: defaults.backend.connections,
      }),
    ),
    queue: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 100000,
        description: 'Most requests that wait for a connection to one endpoint; more are answered 503.',
        default: defaults.backend.queue,
      }),
    ),
    keepAlive: Type.Optional(
      Duration('How long an idle connection is kept; stay below what the server does.', {
        default: defaults.backend.keepAlive,
      }),
    ),
    maxAnswer: Type.Optional(Size('Largest answer that is passed on.', { default: defaults.backend.maxAnswer })),
    headers: Type.Optional(
      Type.Record(
        Type.String({ pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$" }),
        TextWithSecrets('Value of the header.', 'Bearer ${env:MODEL_TOKEN}'),
        {
          additionalProperties: false,
          'x-key': 'the name of a header',
          description: "Headers set on every request to this backend, in place of the client's of the same name.",
        },
      ),
    ),
    tls: Type.Optional(
      Strict(
        {
          ca: Type.Optional(
            Type.String({
              description: 'File with the certificate authorities to trust.',
              examples: ['/etc/makas/ca.pem'],
            }),
          ),
          cert: Type.Optional(Type.String({ description: 'File with the client certificate.' })),
          key: Type.Optional(Type.String({ description: 'File with the key of the client certificate.' })),
          serverName: Type.Optional(Type.String({ description: 'Name expected in the server certificate.' })),
        },
        'TLS towards https endpoints. Certificates are always verified.',
      ),
    ),
  },
  'A backend is one model version that can answer.',
);
