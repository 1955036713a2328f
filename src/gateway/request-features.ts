import type { Buffer } from 'node:buffer';

import type { Operation, Protocol } from '../core/facts.ts';
import type { CodecFailure } from '../protocol/codec-result.ts';
import type { FeatureBody } from '../protocol/feature-body.ts';
import { checkPlace, formOf } from '../protocol/feature-places.ts';
import type { FeatureTable } from '../protocol/feature-table.ts';
import { GrpcBody } from '../protocol/grpc/grpc-body.ts';
import { isGrpc } from '../protocol/protocols.ts';
import { openBody, type Places } from '../protocol/request-body.ts';

/** What the features of a request were found for. */
export interface FeatureRequest {
  readonly protocol: Protocol;
  readonly operation: Operation;
  /** Of the client, without its content encoding. */
  readonly body: FeatureBody;
  /** The client's had a content encoding. */
  readonly isDecoded: boolean;
  /** Where the views look in a JSON body. */
  readonly places: Places;
}

/**
 * The features of one request. They are found once, from what the client sent, and put into the request in the form in
 * which a backend gets it: into the client's body, or into what that is translated into.
 */
export class RequestFeatures {
  readonly #request: FeatureRequest;
  readonly #tables: readonly FeatureTable[];
  #own: FeatureBody | CodecFailure | null = null;

  constructor(request: FeatureRequest, tables: readonly FeatureTable[]) {
    this.#request = request;
    this.#tables = tables;
  }

  /** The body with the features is plain although the client's has a content encoding. */
  get isDecoded(): boolean {
    return this.#request.isDecoded;
  }

  /** The client's body with the features, for all backends of its protocol; the same bytes when nothing changes. */
  own(): FeatureBody | CodecFailure {
    const { protocol, body } = this.#request;
    return (this.#own ??= this.#place(protocol, body));
  }

  /**
   * Puts the features into the body of the same request in another protocol, of gRPC into the message;
   * `inferenceHeaderLength` is the length of the JSON in a body with binary tensors, else null.
   */
  into(protocol: Protocol, bytes: Buffer, inferenceHeaderLength: number | null): FeatureBody | CodecFailure {
    const body = isGrpc(protocol)
      ? new GrpcBody(bytes)
      : openBody(bytes, inferenceHeaderLength, this.#request.places, formOf(protocol));
    return 'ok' in body ? body : this.#place(protocol, body);
  }

  #place(protocol: Protocol, body: FeatureBody): FeatureBody | CodecFailure {
    let placed = body;
    for (const table of this.#tables) {
      const problem = checkPlace(protocol, this.#request.operation, table.layout.into.kind);
      if (problem !== null) return problem;
      const next = placed.place(table);
      if ('ok' in next) return next;
      placed = next;
    }
    return placed;
  }
}
