import { spawnSync } from 'node:child_process';

/**
 * The tests run against a real redis-server that they start themselves. Installs it when it is missing and that is
 * possible without asking; else says how.
 */
const has = (command: string): boolean => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

if (!has('redis-server')) {
  const isRoot = process.getuid?.() === 0;
  if (!isRoot || !has('apt-get')) {
    fail(
      'The tests need redis-server 6 or newer on the PATH. Install it with one of:\n' +
        '  sudo apt-get install redis-server    (Debian, Ubuntu)\n' +
        '  sudo dnf install redis               (Fedora)\n' +
        '  brew install redis                   (macOS)',
    );
  }
  console.error('redis-server is missing; installing it with apt-get');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const run = (...args: string[]): boolean =>
    spawnSync('apt-get', args, { stdio: ['ignore', 'ignore', 'inherit'], env }).status === 0;
  if (
    !run('update', '-qq') ||
    !run('install', '-y', '-qq', '--no-install-recommends', 'redis-server') ||
    !has('redis-server')
  ) {
    fail('apt-get could not install redis-server; install it by hand and run the tests again.');
  }
}
