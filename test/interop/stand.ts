import type { EnvironmentName } from './environments.ts';

/** One process of a model server. `{{name}}` in its arguments stands for a port or a folder of the run. */
export interface ServerSpec {
  /** Shown when it does not start. */
  readonly name: string;
  readonly environment: EnvironmentName;
  readonly script: string;
  readonly args: readonly string[];
  /** A path that is answered with a success once it is ready: address name and path. */
  readonly ready: readonly [string, string];
}

export interface ClientSpec {
  readonly name: string;
  readonly title: string;
  /** Where the script runs: an environment of Python, or Node. */
  readonly environment: EnvironmentName | 'node';
  readonly script: string;
  /** Package whose version is shown. */
  readonly package: string;
  readonly protocol: string;
}

/** Servers, a configuration of Makas before them, and the clients that go through it. */
export interface Stand {
  readonly name: string;
  readonly title: string;
  readonly environment: EnvironmentName;
  readonly package: string;
  readonly config: string;
  /** Names of ports to find; each gives an address `http://127.0.0.1:PORT` under its name, and the bare port as `NAMEPort`. */
  readonly ports: readonly string[];
  readonly servers: readonly ServerSpec[];
  readonly clients: readonly ClientSpec[];
  /** What the run showed about the server or its clients that a reader should know. */
  readonly notes?: readonly string[];
}

/** One line of a client. */
export interface CheckResult {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
}

export interface ClientResult {
  readonly client: ClientSpec;
  readonly version: string;
  readonly checks: readonly CheckResult[];
}

export interface StandResult {
  readonly stand: Stand;
  readonly version: string;
  readonly clients: readonly ClientResult[];
}
