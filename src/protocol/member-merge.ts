import { isKey, type Key } from './json-key.ts';
import type { Span } from './json-scan.ts';
import { appendItems, type Edit } from './json-splice.ts';
import { eachMember } from './json-walk.ts';

/** Whose value stays when the request already has one of that name. */
export type Existing = 'store' | 'request';

/** A member to be put into an object: `text` is its value as JSON. */
export interface Member {
  readonly key: Key;
  readonly text: string;
}

/**
 * The edits that put members into an object span that the scanner accepted. Absent keys are appended in the order given.
 * A key that is there (even with null) keeps its value under `request`, and gets the new one under `store`, at every
 * repetition, so that readers who take the first and readers who take the last agree.
 */
export function mergeMembers(
  body: Uint8Array,
  object: Span,
  members: readonly Member[],
  existing: Existing,
  edits: Edit[],
): void {
  const isPresent = hasMembers(body, object, members, (position, start, end) => {
    const member = members[position];
    if (existing === 'store' && member !== undefined) edits.push({ start, end, text: member.text });
  });
  const absent: string[] = [];
  for (const [position, member] of members.entries()) {
    if (isPresent[position] !== true) absent.push(memberText(member));
  }
  if (absent.length > 0) edits.push(appendItems(body, object, absent.join(',')));
}

/** Which of the keys an object span has; `visit` sees each value found, repeated keys each time. */
export function hasMembers(
  body: Uint8Array,
  object: Span,
  keys: readonly { readonly key: Key }[],
  visit?: (position: number, start: number, end: number) => void,
): boolean[] {
  const isPresent = keys.map(() => false);
  eachMember(body, object, (keyStart, keyEnd, start, end) => {
    const position = keys.findIndex(({ key }) => isKey(body, keyStart, keyEnd, key));
    if (position === -1) return;
    isPresent[position] = true;
    visit?.(position, start, end);
  });
  return isPresent;
}

/** A member as JSON text. */
export function memberText(member: Member): string {
  return `${JSON.stringify(member.key.text)}:${member.text}`;
}
