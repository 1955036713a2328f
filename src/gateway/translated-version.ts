import type { Facts, FieldPath, Protocol, Scalar } from '../core/facts.ts';
import type { Backend, Route, Rule } from '../core/snapshot.ts';
import { type CodecFailure, fail } from '../protocol/codec-result.ts';
import { isGrpc } from '../protocol/protocols.ts';
import { shown } from '../protocol/translate/wording.ts';

/** Protocols into which there are translations, and that name versions of models. */
const versioned: ReadonlySet<Protocol> = new Set<Protocol>(['oip', 'triton', 'oip-grpc', 'tfserving']);

/** Of TF Serving, whose server resolves labels. */
const LABEL_IN_PATH = /\/models\/[^/]+\/labels\//;

/**
 * Why a version that the client names, or a label, would be lost on the way to a backend of another protocol; null when it is not, or
 * the operator has said which backend is that version, by a route or rule that would not hold without it.
 */
export function lostVersion(
  facts: Facts,
  backend: Backend,
  route: Route | null,
  rule: Rule | null,
): CodecFailure | null {
  const { version, protocol } = facts;
  if (version === '') return null;
  if (versioned.has(backend.protocol)) return lostLabel(facts, backend);
  const unversioned = new UnversionedFacts(facts);
  if (route?.match.holds(unversioned) === false || rule?.when.holds(unversioned) === false) return null;
  const where = isGrpc(protocol) ? 'The field "model_version"' : 'The version in the path';
  const text = `${where}, ${shown(version)}, has no translation: the protocol of this model's server, ${backend.protocol}, has no versions; leave it out.`;
  return fail('BAD_REQUEST', 'UNSUPPORTED_FIELD', text);
}

/** A label is no version of a server that knows versions alone, unless the operator has said which one it is. */
function lostLabel({ protocol, path, version }: Facts, backend: Backend): CodecFailure | null {
  if (protocol !== 'tfserving' || backend.version !== null || !LABEL_IN_PATH.test(path)) return null;
  const text = `The label in the path, ${shown(version)}, has no translation: the protocol of this model's server, ${backend.protocol}, has no labels; name a version.`;
  return fail('BAD_REQUEST', 'UNSUPPORTED_FIELD', text);
}

/** Of the Open Inference Protocol and of TF Serving, before the verb. */
const VERSION_IN_PATH = /\/(?:versions|labels)\/[^/]+?([:/][a-z_]+)?$/;

/** A request as it would be if the client named no version. */
class UnversionedFacts implements Facts {
  readonly version = '';
  readonly #facts: Facts;

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  get requestId(): string {
    return this.#facts.requestId;
  }

  get timeMs(): number {
    return this.#facts.timeMs;
  }

  get method(): string {
    return this.#facts.method;
  }

  get path(): string {
    return this.#facts.path.replace(VERSION_IN_PATH, '$1');
  }

  get query(): string {
    return this.#facts.query;
  }

  get protocol(): Protocol {
    return this.#facts.protocol;
  }

  get operation(): Facts['operation'] {
    return this.#facts.operation;
  }

  get model(): string {
    return this.#facts.model;
  }

  header(name: string): string | undefined {
    return this.#facts.header(name);
  }

  queryParameter(name: string): string | undefined {
    return this.#facts.queryParameter(name);
  }

  cookie(name: string): string | undefined {
    return this.#facts.cookie(name);
  }

  field(path: FieldPath): Scalar | undefined {
    return this.#facts.field(path);
  }

  allHeaders(): Readonly<Record<string, string>> {
    return this.#facts.allHeaders();
  }

  allQuery(): Readonly<Record<string, string>> {
    return this.#facts.allQuery();
  }

  parsedBody(): unknown {
    return this.#facts.parsedBody();
  }
}
