import { join } from 'node:path';

import { startGateway, type TestGateway } from './gateway.ts';
import { GrpcClient } from './grpc.ts';

export interface GrpcGatewayOptions {
  /** Further keys of `listen.grpc`, as YAML in one line. */
  readonly grpc?: string;
  /** Further keys of `listen.http`. */
  readonly http?: string;
  /** Keys beside these, as YAML. */
  readonly more?: string;
  readonly backends: string;
  readonly routes: string;
}

/** The configuration of a gateway with a listener of gRPC. */
export function grpcConfig(options: GrpcGatewayOptions): (folder: string) => string {
  const { grpc = '', http = '', more = '', backends, routes } = options;
  return (folder) => `version: 1
listen:
  http: { host: 127.0.0.1, port: 0${http === '' ? '' : `, ${http}`} }
  grpc: { host: 127.0.0.1, port: 0${grpc === '' ? '' : `, ${grpc}`} }
  admin: { host: 127.0.0.1, port: 0 }
state: { kind: embedded, path: ${JSON.stringify(join(folder, 'var'))} }
${more}
backends:
${backends}
routes:
${routes}
`;
}

export interface GrpcGateway extends TestGateway {
  readonly grpcUrl: string;
}

/** A gateway of one route to one backend of gRPC. */
export function startGrpcGateway(
  endpoints: readonly string[],
  more: Partial<GrpcGatewayOptions> & {
    readonly backend?: string;
    readonly rule?: string;
    readonly route?: string;
  } = {},
): Promise<GrpcGateway> {
  const keys = (text = ''): string => (text === '' ? '' : `, ${text}`);
  const { backend, rule, route } = more;
  return startWith({
    backends: `  main: { protocol: oip-grpc, endpoints: ${JSON.stringify(endpoints)}${keys(backend)} }`,
    routes: `  - { name: all${keys(route)}, rules: [{ name: only, backend: main${keys(rule)} }] }`,
    ...more,
  });
}

export async function startWith(options: GrpcGatewayOptions): Promise<GrpcGateway> {
  const gateway = await startGateway(grpcConfig(options));
  const { grpcUrl } = gateway.app;
  if (grpcUrl === null) throw new Error('no listener of gRPC');
  return { ...gateway, grpcUrl };
}

export function clientOf(gateway: GrpcGateway, service?: string): GrpcClient {
  return new GrpcClient(gateway.grpcUrl, service);
}
