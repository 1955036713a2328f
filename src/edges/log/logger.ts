import pino from 'pino';

import type { Logger } from '../../gateway/ports.ts';
import type { LineSink } from './line-output.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly output: LineSink;
  /** Takes secrets out of a text, also as JSON writes them. */
  readonly redact: (text: string) => string;
}

export interface AdjustableLogger extends Logger {
  /** A reload may change the level. */
  setLevel(level: LogLevel): void;
}

/** The log of the gateway's own doings: one JSON object on a line. */
export function createLogger({ level, output, redact }: LoggerOptions): AdjustableLogger {
  const destination = { write: (line: string) => void output.write(redact(line)) };
  const log = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => log.warn(fields, message),
    error: (fields, message) => log.error(fields, message),
    setLevel: (next) => {
      log.level = next;
    },
  };
}
