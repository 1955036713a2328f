import { createHmac } from 'node:crypto';

import * as fc from 'fast-check';
import { test } from 'tap';

import { Hmac } from '../../src/gateway/hmac.ts';

function signedHex(key: Uint8Array, message: Uint8Array): string {
  return Buffer.from(new Hmac(key, message.length).sign(message), 'latin1').toString('hex');
}

test('signs as RFC 4231 says', async (t) => {
  const cases = [
    [
      Buffer.alloc(20, 0x0b),
      Buffer.from('Hi There'),
      'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
    ],
    [
      Buffer.from('Jefe'),
      Buffer.from('what do ya want for nothing?'),
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    ],
    [
      Buffer.alloc(20, 0xaa),
      Buffer.alloc(50, 0xdd),
      '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe',
    ],
  ] as const;
  for (const [key, message, hex] of cases) t.equal(signedHex(key, message), hex);
});

test("signs as Node's own HMAC, one message after the other", async (t) => {
  const bytes = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength });
  fc.assert(
    fc.property(bytes(0, 64), fc.array(bytes(35, 35), { minLength: 1, maxLength: 5 }), (key, messages) => {
      const hmac = new Hmac(key, 35);
      for (const message of messages) {
        const signed = Buffer.from(hmac.sign(message), 'latin1');
        if (!signed.equals(createHmac('sha256', key).update(message).digest())) return false;
      }
      return true;
    }),
  );
  t.throws(() => new Hmac(new Uint8Array(65), 35), RangeError);
  t.throws(() => new Hmac(new Uint8Array(32), 35).sign(new Uint8Array(34)), RangeError);
});
