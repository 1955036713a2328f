#!/usr/bin/env node
// The command `makas`. Plain JavaScript, so that an old Node can say what is wrong instead of a syntax error.
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 24 || (major === 24 && minor < 9)) {
  console.error(
    `makas needs Node 24.9 or newer; this is ${process.versions.node}. In a clone, \`npm start\` and \`npx makas\` use the right one.`,
  );
  process.exit(1);
}
// What node makes of the sources (types stripped, code compiled) is kept, so that later starts take half the time and
// 15 MB less. Not in node's default, a folder that every user of the machine can write. Threads read the environment.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('../node_modules/.cache/makas', import.meta.url));
enableCompileCache();
const { main } = await import('./main.ts');
process.exitCode = await main(process.argv.slice(2));
