#!/usr/bin/env node
// The command `makas`. Plain JavaScript, so that an old Node can say what is wrong instead of a syntax error.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 24 || (major === 24 && minor < 9)) {
  console.error(
    `makas needs Node 24.9 or newer; this is ${process.versions.node}. In a clone, \`npm start\` and \`npx makas\` use the right one.`,
  );
  process.exit(1);
}
const { main } = await import('./main.ts');
process.exitCode = await main(process.argv.slice(2));
