/** The one request of a scenario; only the value of its unit header differs from request to request. */
export interface WireRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Where a peer lives during a run: its ports, the upstream's port, and a directory of its own for files and state. */
export interface Place {
  readonly port: number;
  readonly adminPort: number;
  readonly upstreamPort: number;
  readonly dir: string;
}

export interface Scenario {
  readonly name: string;
  readonly about: string;
  readonly request: WireRequest;
  /** Header that carries the unit, and how many different units the load goes through. */
  readonly unitHeader: string;
  readonly units: number;
  /** What the upstream answers with status 200, and what every peer must hand on byte for byte. */
  readonly answer: { readonly contentType: string; readonly body: string };
  /** Configuration text by peer name; a configured peer that is missing here does not take part. */
  readonly configs: Readonly<Partial<Record<string, (place: Place) => string>>>;
}

/** The unit header's value of the n-th request. */
export function unitName(n: number): string {
  return `user-${n}`;
}
