import * as fc from 'fast-check';
import { test } from 'tap';
import {
  DECISION_ID_AT,
  readTokenPayload,
  TOKEN_PAYLOAD_BYTES,
  tokenBytes,
  writeTokenPayload,
} from '../../src/core/token.ts';

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const share = fc.float({ min: Math.fround(1e-6), max: 1, noNaN: true });

test('a payload is read back as it was written', async () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 2 ** 48 - 1 }),
      fc.uint8Array({ minLength: 12, maxLength: 12 }),
      u32,
      u32,
      share,
      u32,
      (timeMs, id, banditId, armId, propensity, posteriorVersion) => {
        const bytes = Buffer.alloc(TOKEN_PAYLOAD_BYTES);
        writeTokenPayload(bytes, timeMs, banditId, armId, propensity, posteriorVersion);
        bytes.set(id, DECISION_ID_AT);
        const expected = {
          timeMs,
          decision: Buffer.from(id).toString('hex'),
          banditId,
          armId,
          propensity,
          posteriorVersion,
        };
        return JSON.stringify(readTokenPayload(bytes)) === JSON.stringify(expected);
      },
    ),
    { seed: 21 },
  );
});

test('the layout of a token stays as it is', async (t) => {
  const bytes = Buffer.alloc(TOKEN_PAYLOAD_BYTES);
  writeTokenPayload(bytes, 0x010203040506, 0x0708090a, 0x0b0c0d0e, 0.5, 0x11121314);
  bytes.fill(0xee, DECISION_ID_AT, DECISION_ID_AT + 12);
  t.equal(bytes.toString('hex'), `01010203040506${'ee'.repeat(12)}0708090a0b0c0d0e3f00000011121314`);
});

test('a payload of another version is not read', async (t) => {
  const bytes = Buffer.alloc(TOKEN_PAYLOAD_BYTES);
  writeTokenPayload(bytes, 1, 1, 1, 1, 1);
  bytes[0] = 2;
  t.equal(readTokenPayload(bytes), null);
});

test('only 68 characters of base64url have the form of a token', async (t) => {
  const token = Buffer.alloc(51, 7).toString('base64url');
  t.equal(tokenBytes(token)?.length, 51);
  for (const text of [
    '',
    token.slice(1),
    `${token}A`,
    `${token.slice(1)}=`,
    `${token.slice(1)}+`,
    `${token}\n`,
    `${token.slice(1)}é`,
  ]) {
    t.equal(tokenBytes(text), null, JSON.stringify(text));
  }
});
