import { type CodecFailure, fail } from '../codec-result.ts';
import type { Operation } from '../../core/facts.ts';

/** Longer names are cut in messages. */
const shownMax = 64;
/** More names are only counted. */
const listedMax = 8;

/** A name as messages show it: in quotes, cut after 64 characters. */
export function shown(name: string): string {
  return JSON.stringify(name.length <= shownMax ? name : `${name.slice(0, shownMax)}...`);
}

/** The failure for an operation that one of the two protocols does not have. */
export function failOperation(operation: Operation): CodecFailure {
  const text = `The operation ${operation} has no translation into the protocol of this model's server.`;
  return fail('BAD_REQUEST', 'NO_TRANSLATION', text);
}

/** The failure for a request without a model, where the other protocol needs one. */
export function failNoModel(): CodecFailure {
  return fail('BAD_REQUEST', 'MISSING', "The protocol of this model's server needs the name of a model; name one.");
}

/** The failure for a field that the other protocol cannot carry; `field` as a path, such as `inputs[0].foo`. */
export function failUnsupported(field: string, why = 'has no translation; leave it out'): CodecFailure {
  return fail('BAD_BODY', 'UNSUPPORTED_FIELD', `The field ${shown(field)} ${why}.`);
}

/** The failure for an answer without an output that the request names; `outputs` are those that it has. */
export function failUnknownOutput(name: string, outputs: readonly string[]): CodecFailure {
  const known = outputs.slice(0, listedMax).map(shown).join(', ');
  const others = outputs.length > listedMax ? ` and ${outputs.length - listedMax} others` : '';
  const text = `The field "outputs" names ${shown(name)}, which the model does not give; it gives ${known}${others}.`;
  return fail('BAD_REQUEST', 'UNKNOWN_OUTPUT', text);
}

/** The failure for elements in TF Serving's form of bytes. */
export function failBase64(field: string): CodecFailure {
  const text = `The elements {"b64": ...} of "${field}" are bytes in Base64, which have no translation; send strings.`;
  return fail('BAD_BODY', 'UNSUPPORTED_FIELD', text);
}
