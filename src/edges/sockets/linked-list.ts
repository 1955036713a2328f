/** What can be in one list at a time. */
export interface Linked<T> {
  previous: T | null;
  next: T | null;
}

/** A list that is linked through its members: nothing is allocated, and each operation takes the same short time. */
export class LinkedList<T extends Linked<T>> {
  first: T | null = null;
  last: T | null = null;

  push(member: T): void {
    member.previous = this.last;
    member.next = null;
    if (this.last === null) this.first = member;
    else this.last.next = member;
    this.last = member;
  }

  /** Takes out a member, which must be in this list. */
  remove(member: T): void {
    const { previous, next } = member;
    if (previous === null) this.first = next;
    else previous.next = next;
    if (next === null) this.last = previous;
    else next.previous = previous;
    member.previous = null;
    member.next = null;
  }

  pop(): T | null {
    const member = this.last;
    if (member !== null) this.remove(member);
    return member;
  }

  shift(): T | null {
    const member = this.first;
    if (member !== null) this.remove(member);
    return member;
  }
}
