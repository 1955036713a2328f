import * as fc from 'fast-check';
import { test } from 'tap';
import { DecisionTokens, signingKeyFrom } from '../../src/gateway/token.ts';

const key = signingKeyFrom('a secret of this test');
const tokens = new DecisionTokens(key);
const TIME = 1_750_000_000_123;

test('a token is verified by whoever has the key, and says what was decided', async (t) => {
  const token = tokens.issue(TIME + 0.7, 1, 2 ** 32 - 1, 0.25, 99);
  t.match(token, /^[A-Za-z0-9_-]{68}$/);
  t.match(new DecisionTokens(signingKeyFrom('a secret of this test')).verify(token), {
    timeMs: TIME,
    decision: /^[0-9a-f]{24}$/,
    banditId: 1,
    armId: 2 ** 32 - 1,
    propensity: 0.25,
    posteriorVersion: 99,
  });
});

test('a token of another key is refused', async (t) => {
  t.equal(new DecisionTokens(signingKeyFrom('another')).verify(tokens.issue(TIME, 1, 2, 0.5, 3)), null);
  t.throws(() => new DecisionTokens(new Uint8Array(16)), RangeError);
});

test('a token with any one bit flipped is refused', async (t) => {
  const bytes = Buffer.from(tokens.issue(TIME, 123, 456, 0.5, 789), 'base64url');
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    if (tokens.verify(flipped.toString('base64url')) !== null) t.fail(`bit ${bit} does not matter`);
  }
  const text = Buffer.from(bytes.toString('base64url'), 'latin1');
  for (let bit = 0; bit < text.length * 8; bit++) {
    const flipped = Buffer.from(text);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    if (tokens.verify(flipped.toString('latin1')) !== null) t.fail(`bit ${bit} of the text does not matter`);
  }
});

test('no text that was not issued is a token', async () => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const lookalike = fc
    .array(fc.constantFrom(...alphabet.split('')), { minLength: 68, maxLength: 68 })
    .map((letters) => letters.join(''));
  fc.assert(
    fc.property(fc.oneof(fc.string(), lookalike), (text) => tokens.verify(text) === null),
    { seed: 31, numRuns: 2_000 },
  );
});

test('decision ids are all different', async (t) => {
  const other = new DecisionTokens(key);
  const ids = new Set<string>();
  for (let i = 0; i < 20_000; i++) {
    ids.add(tokens.verify(tokens.issue(TIME, 1, 1, 1, 1))!.decision);
    ids.add(other.verify(other.issue(TIME, 1, 1, 1, 1))!.decision);
  }
  t.equal(ids.size, 40_000);
});
