import { Type } from 'typebox';
import { defaults } from '../defaults.ts';
import { OneOf, Strict } from './scalars.ts';

/** Protocols of requests on the data listener for HTTP. */
const PROTOCOLS = [
  'oip',
  'kserve-v1',
  'tfserving',
  'mlflow',
  'sagemaker',
  'vertex',
  'seldon-v1',
  'ray-serve',
  'openai',
] as const;

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

const Path = (description: string, example: string) =>
  Type.String({
    pattern: '^(/[A-Za-z0-9._~:@!$&()*+,;=-]+)+$',
    description,
    examples: [example],
    'x-expected': `a path such as ${example}, with no slash at its end`,
  });

/** One entry of `listen.http.mounts`. */
export const Mount = Strict(
  {
    host: Type.Optional(
      Type.String({
        pattern: '^([A-Za-z0-9_.-]+|\\[[0-9A-Fa-f:.]+\\])$',
        description: 'Host that clients ask for, in any case, without its port.',
        examples: ['wine.example.org'],
        'x-expected': 'a host such as wine.example.org, without scheme and port',
      }),
    ),
    prefix: Type.Optional(
      Type.String({
        pattern: '^(/[A-Za-z0-9._~-]+)+$',
        description:
          'Path prefix, removed before the protocol reads the rest and before a model server sees it. It stands at the beginning of the whole path, not after `listen.http.prefix`.',
        examples: ['/wine'],
        'x-expected': 'a path such as /wine, with no slash at its end',
      }),
    ),
    protocol: Type.Optional(
      OneOf(PROTOCOLS, {
        description:
          'Protocol of the rest of the path. Without it the paths of all protocols are served but those of `vertex` and `ray-serve`, which only this key names.',
        examples: ['mlflow'],
      }),
    ),
    path: Type.Optional(
      Path('The predict path of Vertex AI, after `prefix`. Needed with `protocol: vertex`.', '/predict'),
    ),
    health: Type.Optional(
      Path(
        'The health path of Vertex AI, after `prefix`. With `model` that model is asked, else Makas itself answers.',
        '/health',
      ),
    ),
    model: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'Model that is meant where path and body of a request name none; routes match on it. The probes of MLflow, SageMaker, Vertex AI and Ray Serve are then about this model.',
        examples: ['wine'],
      }),
    ),
    modelFrom: Type.Optional(
      Type.String({
        pattern: "^header:[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
        description: 'Header that names the model; `model` holds for requests without it.',
        examples: ['header:x-model'],
        'x-expected': 'a header such as header:x-model',
      }),
    ),
    methods: Type.Optional(
      Type.Array(OneOf(METHODS, { description: 'A method of HTTP.' }), {
        minItems: 1,
        description: 'Methods that an app of Ray Serve takes.',
        default: defaults.mount.methods,
        examples: [['GET', 'POST', 'PUT']],
      }),
    ),
  },
  'Says for the requests of a host or path prefix which protocol they speak, and which model is meant where they name none.',
);

export type MountFile = Type.Static<typeof Mount>;
