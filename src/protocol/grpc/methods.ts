import type { GrpcProtocol, Operation } from '../../core/facts.ts';

/** How a message names the model that it is about. */
export type ModelPlace =
  /**
   * String fields of the message, by number; 0: it has no such field. `elsewhere`: where other servers have the model when
   * it is not there; `header`: metadata that names another model, whatever the message says.
   */
  | {
      readonly kind: 'fields';
      readonly model: number;
      readonly version: number;
      readonly elsewhere?: number;
      readonly header?: string;
    }
  /** A `tensorflow.serving.ModelSpec` in field 1; `tasks`: in field 1 of every message in field 1. */
  | { readonly kind: 'model-spec'; readonly isInTasks: boolean }
  /** Metadata of the call. */
  | { readonly kind: 'metadata'; readonly name: string };

/** What a gRPC path asks for. */
export interface GrpcMethod {
  readonly protocol: GrpcProtocol;
  readonly operation: Operation;
  /** Whether messages stream in either direction. */
  readonly isStream: boolean;
  readonly place: ModelPlace;
}

const inference = 'inference.GRPCInferenceService';
/** Clients of Seldon Core 2 name the model in metadata. */
const names: ModelPlace = { kind: 'fields', model: 1, version: 2, header: 'seldon-model' };
/** KServe has the name in field 1, Triton and MLServer in field 2 behind that of the repository. */
const loaded: ModelPlace = { kind: 'fields', model: 2, version: 0, elsewhere: 1 };
const noNames: ModelPlace = { kind: 'fields', model: 0, version: 0 };
const spec: ModelPlace = { kind: 'model-spec', isInTasks: false };
const deployment: ModelPlace = { kind: 'metadata', name: 'seldon' };
/** Ray Serve tells the apps of one proxy apart by this. */
const application: ModelPlace = { kind: 'metadata', name: 'application' };

function oip(operation: Operation, place: ModelPlace = names, isStream = false): GrpcMethod {
  return { protocol: 'oip-grpc', operation, isStream, place };
}

function tensorflow(operation: Operation, place: ModelPlace = spec): GrpcMethod {
  return { protocol: 'tfserving-grpc', operation, isStream: false, place };
}

function seldon(operation: Operation): GrpcMethod {
  return { protocol: 'seldon-v1-grpc', operation, isStream: false, place: deployment };
}

/**
 * The methods that are known by name: `inference.GRPCInferenceService` as the Open Inference Protocol, KServe, MLServer
 * and Triton have it, `tensorflow.serving.PredictionService` and `ModelService`, `seldon.protos.Seldon`. Field numbers
 * are those of their `.proto` files.
 */
const methods: ReadonlyMap<string, GrpcMethod> = new Map<string, GrpcMethod>([
  [`/${inference}/ServerLive`, oip('server-live', noNames)],
  [`/${inference}/ServerReady`, oip('server-ready', noNames)],
  [`/${inference}/ServerMetadata`, oip('server-metadata', noNames)],
  [`/${inference}/ModelReady`, oip('model-ready')],
  [`/${inference}/ModelMetadata`, oip('model-metadata')],
  [`/${inference}/ModelInfer`, oip('infer')],
  [`/${inference}/ModelStreamInfer`, oip('infer-stream', names, true)],
  [`/${inference}/ModelConfig`, oip('model-config')],
  [`/${inference}/ModelStatistics`, oip('model-stats')],
  [`/${inference}/RepositoryIndex`, oip('repository-index', noNames)],
  [`/${inference}/RepositoryModelLoad`, oip('model-load', loaded)],
  [`/${inference}/RepositoryModelUnload`, oip('model-unload', loaded)],
  [`/${inference}/TraceSetting`, oip('trace-setting', { kind: 'fields', model: 2, version: 0 })],
  [`/${inference}/LogSettings`, oip('log-settings', noNames)],
  ...['SystemSharedMemory', 'CudaSharedMemory'].flatMap((region) =>
    ['Status', 'Register', 'Unregister'].map(
      (verb) => [`/${inference}/${region}${verb}`, oip('shared-memory', noNames)] as const,
    ),
  ),
  ['/tensorflow.serving.PredictionService/Predict', tensorflow('infer')],
  ['/tensorflow.serving.PredictionService/Classify', tensorflow('classify')],
  ['/tensorflow.serving.PredictionService/Regress', tensorflow('regress')],
  [
    '/tensorflow.serving.PredictionService/MultiInference',
    tensorflow('infer', { kind: 'model-spec', isInTasks: true }),
  ],
  ['/tensorflow.serving.PredictionService/GetModelMetadata', tensorflow('model-metadata')],
  ['/tensorflow.serving.ModelService/GetModelStatus', tensorflow('model-status')],
  ['/seldon.protos.Seldon/Predict', seldon('infer')],
  ['/seldon.protos.Seldon/SendFeedback', seldon('feedback')],
  ['/seldon.protos.Seldon/ModelMetadata', seldon('model-metadata')],
  ['/seldon.protos.Seldon/GraphMetadata', seldon('model-metadata')],
]);

/** Names of the services that are known by name. */
export const grpcServices: readonly string[] = [...new Set([...methods.keys()].map((path) => path.split('/')[1]!))];

/**
 * Reads the path of a gRPC call. Services that are not known by name are those of Ray Serve apps when they are among
 * `userServices` (package-qualified names); null for every other path.
 */
export function readGrpcPath(path: string, userServices: ReadonlySet<string>): GrpcMethod | null {
  const known = methods.get(path);
  if (known !== undefined) return known;
  const match = /^\/([A-Za-z_][\w.]*)\/[A-Za-z_]\w*$/.exec(path);
  if (match === null || !userServices.has(match[1]!)) return null;
  // Whether a method streams is only in its .proto; treated as a stream nothing is held of it.
  return { protocol: 'ray-serve-grpc', operation: 'call', isStream: true, place: application };
}
