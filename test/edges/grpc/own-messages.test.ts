import { test } from 'tap';

import type { MessageBuffer } from '../../../src/edges/grpc/message-buffer.ts';
import { OwnMessages } from '../../../src/edges/grpc/own-messages.ts';
import type { ServerStream } from '../../../src/edges/http2/server-side.ts';
import { frame } from '../../support/http2.ts';

/** Messages of which each is answered with more than the client takes at once. */
function setUp() {
  const heard: string[] = [];
  const messages: OwnMessages = new OwnMessages(
    { pause: () => heard.push('pause'), resume: () => heard.push('resume') } as unknown as ServerStream,
    {
      onMessage: ({ message }: MessageBuffer) => {
        heard.push(message.toString());
        messages.hold();
      },
      onMessagesEnd: (problem) => heard.push(`end ${problem}`),
    },
  );
  const push = (bytes: Buffer) => messages.push(bytes, 0, bytes.length);
  return { messages, heard, push };
}

test('one message is read for each time that the client takes an answer, in their order, and then the end', (t) => {
  const { messages, heard, push } = setUp();
  const bytes = Buffer.concat(['a', 'b', 'c'].map((text) => frame(Buffer.from(text))));
  push(bytes.subarray(0, 9));
  push(bytes.subarray(9));
  messages.end();
  t.strictSame(heard, ['a', 'pause']);
  for (let i = 0; i < 3; i++) messages.resume();
  t.strictSame(heard, ['a', 'pause', 'b', 'pause', 'c', 'pause', 'resume', 'end null']);
  messages.resume();
  t.equal(heard.length, 8);
  t.end();
});

test('an end in the middle of a message is told when the messages before it were read', (t) => {
  const { messages, heard, push } = setUp();
  push(Buffer.concat([frame(Buffer.from('a')), Buffer.alloc(3)]));
  messages.end();
  t.strictSame(heard, ['a', 'pause']);
  messages.resume();
  t.strictSame(heard.slice(2), ['resume', 'end cut-short']);
  t.end();
});

test('what is no message ends it, and nothing is read behind that or behind a stop', (t) => {
  const { heard, push } = setUp();
  push(Buffer.concat([Buffer.from([7, 0, 0, 0, 1]), frame(Buffer.from('a'))]));
  push(frame(Buffer.from('b')));
  t.strictSame(heard, ['end bad-flag']);
  const stopped = setUp();
  stopped.messages.stop();
  stopped.push(frame(Buffer.from('a')));
  t.strictSame(stopped.heard, []);
  t.end();
});
