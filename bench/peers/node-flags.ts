/** Given to every peer that runs on Node, so that none wins by its garbage collector. */
export const NODE_FLAGS: readonly string[] = ['--max-semi-space-size=16'];
