/** The signals of the process from its first moment on, before the code that serves is loaded. */
export interface Signals {
  /** Resolves on SIGTERM or SIGINT; a second one ends the process at once. */
  readonly stop: Promise<void>;
  /** What SIGHUP does. Before, there is nothing to reload, but the signal must not end the process. */
  onReload(reload: () => void): void;
}

/** Listens from now on: as process 1 in a container, signals without a listener are ignored. */
export function listenForSignals(): Signals {
  let reload = (): void => {};
  process.on('SIGHUP', () => reload());
  const stop = new Promise<void>((resolve) => {
    let count = 0;
    const onSignal = (): void => {
      if (++count > 1) process.exit(130);
      resolve();
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
  return {
    stop,
    onReload: (callback) => {
      reload = callback;
    },
  };
}
