import * as fc from 'fast-check';
import { test } from 'tap';
import { DecisionTokens, signingKeyFrom } from '../../src/gateway/token.ts';

const key = signingKeyFrom('a secret of this test');
const tokens = new DecisionTokens(key);
const TIME = 1_750_000_000_123;

function issueFrom(from: DecisionTokens, banditId = 1): string {
  const token = from.issue(TIME + 0.7, banditId, 2 ** 32 - 1, 0.25, 99);
  if (token === null) throw new Error('No token was issued.');
  return token;
}

function decisionOf(from: DecisionTokens, token: string): string {
  const said = from.verify(token);
  if (typeof said === 'string') throw new Error(`The token is ${said}.`);
  return said.decision;
}

test('a token is verified by whoever has the key, and says what was decided', async (t) => {
  const token = issueFrom(tokens);
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
  t.equal(new DecisionTokens(signingKeyFrom('another')).verify(issueFrom(tokens)), 'forged');
  t.throws(() => new DecisionTokens(new Uint8Array(16)), RangeError);
});

test('a token with any one bit flipped is refused', async (t) => {
  const bytes = Buffer.from(issueFrom(tokens, 123), 'base64url');
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    if (tokens.verify(flipped.toString('base64url')) !== 'forged') t.fail(`bit ${bit} does not matter`);
  }
  const text = Buffer.from(bytes.toString('base64url'), 'latin1');
  for (let bit = 0; bit < text.length * 8; bit++) {
    const flipped = Buffer.from(text);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    if (tokens.verify(flipped.toString('latin1')) !== 'forged') t.fail(`bit ${bit} of the text does not matter`);
  }
});

test('no text that was not issued is a token', async () => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const lookalike = fc
    .array(fc.constantFrom(...alphabet.split('')), { minLength: 68, maxLength: 68 })
    .map((letters) => letters.join(''));
  fc.assert(
    fc.property(fc.oneof(fc.string(), lookalike), (text) => tokens.verify(text) === 'forged'),
    { seed: 31, numRuns: 2_000 },
  );
});

test('decision ids are all different', async (t) => {
  const other = new DecisionTokens(key);
  const ids = new Set<string>();
  for (let i = 0; i < 20_000; i++) {
    ids.add(decisionOf(tokens, issueFrom(tokens)));
    ids.add(decisionOf(other, issueFrom(other)));
  }
  t.equal(ids.size, 40_000);
});

test('without a key no token is issued, and a text that may be a token is not called forged', async (t) => {
  const waiting = new DecisionTokens();
  t.equal(waiting.issue(TIME, 1, 1, 1, 1), null);
  t.equal(waiting.verify(issueFrom(tokens)), 'no key');
  t.equal(waiting.verify('no token'), 'forged');
  waiting.useKey(key);
  t.match(waiting.verify(issueFrom(tokens)), { banditId: 1 });
  t.match(tokens.verify(issueFrom(waiting)), { banditId: 1 });
});

test('after a change of the key the new one signs, and tokens of the one before are accepted', async (t) => {
  const keys = ['first', 'second', 'third'].map((secret) => signingKeyFrom(secret));
  const [first, second, third] = keys.map((each) => new DecisionTokens(each));
  const changing = new DecisionTokens(keys[0]);
  changing.useKey(keys[1]!);
  // The same key again is no change: the one before it stays.
  changing.useKey(keys[1]!);
  t.equal(first!.verify(issueFrom(changing)), 'forged');
  t.match(second!.verify(issueFrom(changing)), { banditId: 1 });
  t.match(changing.verify(issueFrom(first!)), { banditId: 1 });
  t.match(changing.verify(issueFrom(second!)), { banditId: 1 });
  t.equal(changing.verify(issueFrom(third!)), 'forged');
  t.throws(() => changing.useKey(new Uint8Array(16)), RangeError);
  t.match(second!.verify(issueFrom(changing)), { banditId: 1 }, 'a bad key changes nothing');
});
