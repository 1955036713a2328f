import type { Protocol } from '../../core/facts.ts';
import { compose } from './compose.ts';
import { grpcToOip } from './grpc-to-oip.ts';
import { kserveV1ToOip } from './kserve-v1-to-oip.ts';
import { mlflowToOip } from './mlflow-to-oip.ts';
import { oipToGrpc } from './oip-to-grpc.ts';
import { oipToKserveV1 } from './oip-to-kserve-v1.ts';
import { kserveV1ToTfserving, kserveV1ToVertex, vertexToKserveV1 } from './same-body.ts';
import { tfservingToKserveV1 } from './tfserving-to-kserve-v1.ts';
import { speaks } from '../protocols.ts';
import type { Translator } from './translation.ts';

/** One step from a protocol into another. */
type Step = readonly [from: Protocol, to: Protocol, translate: Translator];

const steps: readonly Step[] = [
  ['kserve-v1', 'oip', kserveV1ToOip],
  ['oip', 'kserve-v1', oipToKserveV1],
  ['oip', 'oip-grpc', oipToGrpc],
  ['oip-grpc', 'oip', grpcToOip],
  ['mlflow', 'oip', mlflowToOip],
  ['sagemaker', 'oip', mlflowToOip],
  ['tfserving', 'kserve-v1', tfservingToKserveV1],
  ['kserve-v1', 'tfserving', kserveV1ToTfserving],
  ['vertex', 'kserve-v1', vertexToKserveV1],
  ['kserve-v1', 'vertex', kserveV1ToVertex],
];

/** What was found, by both names. */
const known = new Map<string, Translator | null>();

/**
 * The translator from the protocol of a client into that of a backend, composed of several steps where there is none
 * for the two; null when there is no way, and for a protocol into itself.
 */
export function findTranslator(from: Protocol, to: Protocol): Translator | null {
  const key = `${from} ${to}`;
  let translator = known.get(key);
  if (translator === undefined) {
    // Triton takes the requests of the Open Inference Protocol as they are.
    translator = shortestWay(from, to === 'triton' ? 'oip' : to);
    known.set(key, translator);
  }
  return translator;
}

/** Whether requests of one protocol can be written in the other, as far as the protocols are concerned. */
export function canTranslate(from: Protocol, to: Protocol): boolean {
  return findTranslator(from, to) !== null;
}

/** Whether a backend can answer requests of a protocol, as they are or translated. */
export function canServe(backend: Protocol, request: Protocol): boolean {
  return speaks(backend, request) || canTranslate(request, backend);
}

function shortestWay(from: Protocol, to: Protocol): Translator | null {
  const reached = new Map<Protocol, Translator | null>([[from, null]]);
  for (const [between, before] of reached) {
    for (const [start, end, translate] of steps) {
      if (start === between && !reached.has(end))
        reached.set(end, before === null ? translate : compose(before, translate));
    }
  }
  return reached.get(to) ?? null;
}
