/**
 * Field numbers of the inference messages of package `inference` (Open Inference Protocol, grpc_predict_v2.proto, with
 * what Triton adds to parameters).
 */
export const requestFields = {
  modelName: 1,
  modelVersion: 2,
  id: 3,
  parameters: 4,
  inputs: 5,
  outputs: 6,
  rawContents: 7,
} as const;

/** ModelInferResponse has its fields 1 to 4 as the request has them. */
export const responseFields = { outputs: 5, rawContents: 6 } as const;

/** InferInputTensor and InferOutputTensor. */
export const tensorFields = { name: 1, datatype: 2, shape: 3, parameters: 4, contents: 5 } as const;

/** InferRequestedOutputTensor. */
export const requestedFields = { name: 1, parameters: 2 } as const;

/** InferParameter, one of these. */
export const parameterFields = { bool: 1, int64: 2, string: 3, double: 4, uint64: 5 } as const;

/** The entries of a map, in every protobuf message. */
export const entryFields = { key: 1, value: 2 } as const;
