import { Type } from 'typebox';
import { defaults } from '../defaults.ts';
import { Mount } from './mount.ts';
import { Duration, Port, Secret, Size, Strict, TextWithSecrets } from './scalars.ts';

const Host = (options: { readonly default?: string; readonly examples?: readonly string[] }) =>
  Type.String({ description: 'Address to listen on.', minLength: 1, ...options });

const ListenTls = Strict(
  {
    cert: Type.String({ minLength: 1, description: 'File with the certificate chain, PEM.' }),
    key: Type.String({ minLength: 1, description: 'File with the private key, PEM.' }),
    clientCa: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'File with the certificates of authorities, PEM; clients must then show a certificate of theirs.',
      }),
    ),
  },
  'TLS of this listener, version 1.2 or later. The files are read at the start.',
);

export const Listen = Strict(
  {
    http: Type.Optional(
      Strict(
        {
          host: Type.Optional(Host({ default: defaults.listen.http.host })),
          port: Type.Optional(Port('Port of the inference paths.', { default: defaults.listen.http.port })),
          prefix: Type.Optional(
            Type.String({
              pattern: '^(/[A-Za-z0-9._~-]+)*$',
              description: 'Path prefix before every inference path, removed before a model server sees it.',
              default: defaults.listen.http.prefix,
              examples: ['/serving/team-a'],
              'x-expected': 'a path such as /serving/team-a, with no slash at its end',
            }),
          ),
          headerTimeout: Type.Optional(
            Duration('How long a client may take to send the head of a request.', {
              default: defaults.listen.http.headerTimeout,
            }),
          ),
          requestTimeout: Type.Optional(
            Duration('How long a client may take to send a whole request.', {
              default: defaults.listen.http.requestTimeout,
            }),
          ),
          keepAliveTimeout: Type.Optional(
            Duration('How long an idle client connection is kept.', { default: defaults.listen.http.keepAliveTimeout }),
          ),
          tls: Type.Optional(ListenTls),
          mounts: Type.Optional(
            Type.Array(Mount, {
              minItems: 1,
              description:
                'Hosts and path prefixes that say which protocol and model is meant. The first one that fits a request and knows its path wins; what fits none is read as without mounts, beneath `prefix`.',
            }),
          ),
          express: Type.Optional(
            Type.Boolean({
              description:
                'Whether plain predict requests and plain-text connections to model servers go by the express lane, on plain sockets. `false`: everything goes by the main lane, Fastify and undici.',
              default: defaults.listen.http.express,
            }),
          ),
        },
        'The data listener for HTTP.',
      ),
    ),
    grpc: Type.Optional(
      Strict(
        {
          host: Type.Optional(Host({ default: defaults.listen.grpc.host })),
          port: Type.Optional(Port('Port of the gRPC protocols.', { default: defaults.listen.grpc.port })),
          tls: Type.Optional(ListenTls),
          maxStreams: Type.Optional(
            Type.Integer({
              minimum: 1,
              maximum: 100_000,
              description: 'Most calls at once on one connection.',
              default: defaults.listen.grpc.maxStreams,
            }),
          ),
          keepAlive: Type.Optional(
            Duration('Silence of a client after which it is asked whether it still lives; `0s`: never.', {
              default: defaults.listen.grpc.keepAlive,
            }),
          ),
          maxConnectionAge: Type.Optional(
            Duration(
              'Age at which a connection takes no more calls, so that clients spread over replicas anew; `0s`: never.',
              { default: defaults.listen.grpc.maxConnectionAge },
            ),
          ),
          services: Type.Optional(
            Type.Array(
              Type.String({
                pattern: '^[A-Za-z_]\\w*(\\.[A-Za-z_]\\w*)*$',
                'x-expected': 'the full name of a gRPC service, such as userdefinedprotos.UserDefinedService',
              }),
              {
                description: 'gRPC services of Ray Serve apps that pass through, by their full names.',
                examples: [['userdefinedprotos.UserDefinedService']],
              },
            ),
          ),
          express: Type.Optional(
            Type.Boolean({
              description:
                'Whether plain-text connections of clients, and those to model servers that speak gRPC, are plain sockets with an HTTP/2 of their own. `false`: they are those of node:http2, as connections with TLS always are.',
              default: defaults.listen.grpc.express,
            }),
          ),
        },
        'The data listener for gRPC. Without this key there is none.',
      ),
    ),
    admin: Type.Optional(
      Strict(
        {
          host: Type.Optional(Host({ default: defaults.listen.admin.host })),
          port: Type.Optional(
            Port('Port of metrics, probes and the admin API.', { default: defaults.listen.admin.port }),
          ),
          token: Type.Optional(
            Secret(
              'Bearer token that `/admin/...` demands. Without it the admin API is open to whoever reaches the listener.',
            ),
          ),
        },
        'The admin listener: metrics, probes, admin API.',
      ),
    ),
  },
  'Addresses that Makas listens on.',
);

export const Limits = Strict(
  {
    body: Type.Optional(
      Size(
        'Largest request body, of gRPC the longest message; above it the answer is 413, of gRPC RESOURCE_EXHAUSTED.',
        { default: defaults.limits.body },
      ),
    ),
    buffer: Type.Optional(
      Size('Bodies up to this size are held in memory; larger ones stream through when no rule needs to read them.', {
        default: defaults.limits.buffer,
      }),
    ),
    header: Type.Optional(Size('Largest head of a request.', { default: defaults.limits.header })),
    rows: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 100000,
        description: 'Most entities that one request may carry.',
        default: defaults.limits.rows,
      }),
    ),
    drain: Type.Optional(
      Duration('How long open requests may go on after SIGTERM.', { default: defaults.limits.drain }),
    ),
  },
  'Bounds that protect the gateway.',
);

export const State = Type.Union(
  [
    Strict(
      {
        kind: Type.Literal('embedded'),
        path: Type.Optional(
          Type.String({ minLength: 1, description: 'Folder of the state file.', default: defaults.state.path }),
        ),
      },
      'State in a file of this machine.',
    ),
    Strict(
      {
        kind: Type.Literal('redis'),
        url: Type.Optional(TextWithSecrets('Address of a standalone Redis.', 'redis://127.0.0.1:6379')),
        cluster: Type.Optional(
          Type.Array(TextWithSecrets('Address of a node.', 'redis://127.0.0.1:7000'), {
            minItems: 1,
            description: 'Start nodes of a Redis Cluster.',
          }),
        ),
        sentinel: Type.Optional(
          Strict(
            {
              nodes: Type.Array(TextWithSecrets('Address of a sentinel.', 'redis://127.0.0.1:26379'), {
                minItems: 1,
                description: 'Sentinels.',
              }),
              name: Type.String({ description: 'Name of the monitored master.', examples: ['mymaster'] }),
            },
            'Redis behind Sentinel.',
          ),
        ),
        username: Type.Optional(Type.String({ description: 'ACL user.' })),
        password: Type.Optional(Secret('Password.')),
        prefix: Type.Optional(
          Type.String({
            pattern: '^[A-Za-z0-9._:-]*$',
            description: 'Prefix of every key.',
            default: defaults.redisState.prefix,
          }),
        ),
        timeout: Type.Optional(Duration('Longest wait for one command.', { default: defaults.redisState.timeout })),
        buffer: Type.Optional(
          Type.Integer({
            minimum: 0,
            maximum: 10_000_000,
            description: 'Rewards kept in memory while Redis is away; more are refused.',
            default: defaults.redisState.buffer,
          }),
        ),
      },
      'State shared by all replicas through Redis. Exactly one of `url`, `cluster`, `sentinel`.',
    ),
  ],
  {
    default: defaults.state,
    description: 'Where posteriors, rewards and counters are kept.',
    discriminator: { propertyName: 'kind' },
  },
);

export const Rewards = Strict(
  {
    secret: Type.Optional(
      Secret('Key that signs decision tokens. By default one is made and kept in the state, shared by its replicas.'),
    ),
    maxBatch: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 10000,
        description: 'Most rewards in one call.',
        default: defaults.rewards.maxBatch,
      }),
    ),
  },
  'The reward API.',
);
