import { Type } from 'typebox';
import { grpcProtocols, httpProtocols } from '../../core/facts.ts';
import { defaults } from '../defaults.ts';
import { Duration, OneOf, Size, Strict, TextWithSecrets } from './scalars.ts';

/** Protocols that a backend may speak. */
const BackendProtocol = OneOf([...httpProtocols, ...grpcProtocols], {
  description:
    'Protocol of the model server; see docs/protocols.md. `oip` is the Open Inference Protocol (V2) over REST, `oip-grpc` the same over gRPC. A request of another protocol is translated where its meaning can be kept.',
  examples: ['oip'],
});

const numberDatatypes = [
  'FP32',
  'FP64',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
] as const;

const Translation = Strict(
  {
    tensor: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'Name of the tensor for rows that come without names.',
        default: defaults.translation.tensor,
      }),
    ),
    float: Type.Optional(
      OneOf(['FP32', 'FP64'], {
        description:
          'Datatype of numbers that come without a datatype: in requests of those with a fraction (others are `INT64`), in answers of all.',
        default: defaults.translation.float,
      }),
    ),
    datatypes: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^.+$' }),
        OneOf(numberDatatypes, { description: 'Datatype of its numbers.', examples: ['INT64'] }),
        {
          additionalProperties: false,
          'x-key': 'the name of an input or output',
          description:
            'Datatypes of numbers that come without a datatype, by the name of the input or output; an output without a name is `predict`.',
        },
      ),
    ),
    binary: Type.Optional(
      Type.Boolean({
        description:
          'Whether the server reads binary tensors over REST, as Triton and KServe do and MLServer does not. They carry what JSON cannot: FP16, BF16, NaN, infinities, BYTES that are not UTF-8; without them that is refused.',
        default: defaults.translation.binary,
      }),
    ),
  },
  'What a translation between the protocol of a client and that of this backend cannot know from what it translates.',
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
    translation: Type.Optional(Translation),
    timeout: Type.Optional(
      Duration(
        'Longest wait for the whole answer; of an answer that streams, for its beginning and for each silence after it.',
        { default: defaults.backend.timeout },
      ),
    ),
    connectTimeout: Type.Optional(
      Duration('Longest wait for a connection.', { default: defaults.backend.connectTimeout }),
    ),
    connections: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 4096,
        description:
          'Most connections to each endpoint. One of gRPC carries as many calls at once as the server announces, at most 1000, or 100 where it announces nothing.',
        default: defaults.backend.connections,
      }),
    ),
    queue: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 100000,
        description:
          'Most requests that wait for a connection to one endpoint, or for their turn on one of gRPC; more are answered 503 or UNAVAILABLE.',
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
