import type { Facts } from './facts.ts';
import type { Backend, Choice } from './snapshot.ts';

/** A choice between arms. */
export type DrawnChoice = Exclude<Choice, { kind: 'backend' }>;

/** Names the arm of a request to the client, who sends it back to stay there (Seldon Core 2). */
export const seldonRouteHeader = 'x-seldon-route';

/** The value of `x-seldon-route` for an arm: the name between colons, as Seldon Core 2 has it. */
export function seldonRouteOf(arm: string): string {
  return `:${arm}:`;
}

/** The arm that a client was on, -1 for none: the first one that its header contains, as Seldon Core 2 reads it. */
export function pinnedArm(choice: DrawnChoice, facts: Facts): number {
  const header = facts.header(seldonRouteHeader);
  if (header === undefined) return -1;
  return armsOf(choice).findIndex((_, index) => header.includes(seldonRouteOf(armName(choice, index))));
}

/** The backends of the arms, in their order; a plain backend is the only one. */
export function armsOf(choice: Choice): readonly Backend[] {
  if (choice.kind === 'backend') return [choice.backend];
  return choice.kind === 'split' ? choice.arms : choice.bandit.arms.map((arm) => arm.backend);
}

/** The name of an arm as decisions name it. */
export function armName(choice: Choice, index: number): string {
  return choice.kind === 'bandit' ? choice.bandit.arms[index]!.name : armsOf(choice)[index]!.name;
}
