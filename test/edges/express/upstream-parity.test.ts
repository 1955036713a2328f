import * as fc from 'fast-check';
import { test } from 'tap';

import { withoutHeaders } from '../../../src/protocol/header-block.ts';
import { answerFields } from '../../../src/protocol/header-crossing.ts';
import { seededDraws } from '../../support/traffic.ts';
import { drawAnswer, drawCuts, type WireAnswer } from './answer-corpus.ts';
import { readAnswer, type Reading } from './reading.ts';
import { UndiciReader } from './undici-reading.ts';

/** Answers that are drawn. For many more, run this file by itself: one million takes a minute. */
const CASES = Number(process.env['MAKAS_PARITY_CASES'] ?? 200_000);
const SEED = Number(process.env['MAKAS_PARITY_SEED'] ?? 20261123);
const CASES_AT_ONCE = 100;

/** The fewest bytes of an answer with which it is complete: the more there are, the more it is. */
function shortest({ bytes, method }: WireAnswer): number {
  let [low, high] = [0, bytes.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (readAnswer(bytes.subarray(0, middle), { method, closes: false }).result === 'complete') high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * The fields, without the length that an answer gets which came in chunks and as a whole: whether it came so depends on
 * the pieces that it came in.
 */
function comparable(headers: string, body: string, status: number): string {
  const block = status === 204 ? withoutHeaders(headers, new Set(['content-length'])) : headers;
  const added = `content-length: ${body.length}\r\n`;
  return `\n${block}`.endsWith(`\n${added}`) ? block.slice(0, -added.length) : block;
}

function summary({ result, keeps, status, headers, body }: Reading): string {
  if (result !== 'complete') return 'not complete';
  return JSON.stringify([keeps, status, comparable(headers, body, status), body]);
}

/** undici closes the connection after status 100, which RFC 9110 15.2 tells clients to expect at any time. */
const HAS_100 = /^(?:HTTP\/1\.[01] 1\d\d[^]*?\r\n\r\n)*HTTP\/1\.[01] 100[ \r]/;

/** What is wrong with how the back reads an answer, if anything; `null`: it does not take it for a complete one. */
async function compare(answer: WireAnswer, cuts: readonly number[], undici: UndiciReader): Promise<string | null> {
  const { bytes, method, closes } = answer;
  const reading = readAnswer(bytes, { method, closes });
  const inPieces = readAnswer(bytes, { method, closes, cuts });
  // Bytes after the end may come apart from it: then the connection is closed because of them a moment later.
  const end = reading.result === 'complete' && !reading.keeps ? shortest(answer) : bytes.length;
  const isSame = end < bytes.length ? { ...inPieces, keeps: false } : inPieces;
  if (summary(isSame) !== summary(reading)) return `differs when cut at ${cuts.join()}: ${summary(inPieces)}`;
  if (reading.result !== 'complete') return null;
  if (HAS_100.test(bytes.toString('latin1'))) return '';
  const own = bytes.subarray(0, end);
  const endsWithClose = readAnswer(own, { method, closes: false }).result !== 'complete';
  const theirs = await undici.read(own, method, endsWithClose);
  if (!theirs.isComplete) return `undici does not take it: ${theirs.error}`;
  if (theirs.wasEarly && !endsWithClose) return 'undici does not need the last byte';
  if (theirs.status !== reading.status) return `undici reads status ${theirs.status}`;
  if (theirs.body !== reading.body) return `undici reads body ${JSON.stringify(theirs.body)}`;
  if (reading.length > 0 && reading.length !== reading.body.length) return `the length is told as ${reading.length}`;
  const theirHeaders = comparable(answerFields(theirs.rawHeaders), theirs.body, theirs.status);
  if (theirHeaders !== comparable(reading.headers, reading.body, reading.status))
    return `undici reads fields ${JSON.stringify(theirHeaders)}`;
  // Connections that are to be closed within two seconds, undici closes at once. After HEAD it always does.
  const isShort = reading.keepAliveSeconds >= 0 && reading.keepAliveSeconds <= 2;
  if (end === bytes.length && reading.keeps && !theirs.keeps && method !== 'HEAD' && !isShort)
    return 'undici would not use the connection again';
  return '';
}

test('what is taken for a complete answer, undici reads in the same way, to the last byte', async (t) => {
  t.setTimeout(60_000 + CASES);
  const undici = new UndiciReader();
  t.teardown(() => undici.close());
  let [cases, complete] = [0, 0];
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const draw = seededDraws(seed);
      for (let i = 0; i < CASES_AT_ONCE; i++) {
        const answer = drawAnswer(draw);
        const wrong = await compare(answer, drawCuts(draw, answer.bytes.length), undici);
        cases++;
        if (wrong !== null) complete++;
        if (wrong !== null && wrong !== '')
          throw new Error(`${answer.method} ${JSON.stringify(answer.bytes.toString('latin1'))}: ${wrong}`);
      }
    }),
    { numRuns: Math.ceil(CASES / CASES_AT_ONCE), seed: SEED, endOnFailure: true },
  );
  t.comment(`${cases} answers, ${complete} of them complete`);
  t.ok(complete > cases / 5, 'enough of them are answers');
});
