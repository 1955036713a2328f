import { listenForSignals } from './cli/signals.ts';
import { version } from './version.ts';

const USAGE = `makas ${version}: an inference gateway

  makas serve [--config FILE]            run the gateway (default config/makas.yaml)
  makas check FILE [--json]              check a configuration; exit 1 and every problem, or 0
  makas explain FILE --request R [--json]  what the configuration does with a request, without sending it
  makas schema                           print the JSON Schema of the configuration
  makas version                          print the version

R is a JSON file {"method", "path", "headers", "body"}, or - for standard input.`;

/** The command line: runs one command, whose code is loaded for it, and returns its exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const [command, ...args] = argv;
  switch (command) {
    case 'serve': {
      const signals = listenForSignals();
      const { serveCommand } = await import('./cli/serve.ts');
      return serveCommand(args, signals);
    }
    case 'check': {
      const { checkCommand } = await import('./cli/check.ts');
      return checkCommand(args);
    }
    case 'explain': {
      const { explainCommand } = await import('./cli/explain.ts');
      return explainCommand(args);
    }
    case 'schema': {
      const { schemaCommand } = await import('./cli/schema.ts');
      return schemaCommand(args);
    }
    case 'version':
    case '--version':
    case '-v':
      console.log(version);
      return 0;
    case 'help':
    case '--help':
    case '-h':
      console.log(USAGE);
      return 0;
    default:
      console.error(command === undefined ? USAGE : `unknown command: ${command}\n\n${USAGE}`);
      return 2;
  }
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
