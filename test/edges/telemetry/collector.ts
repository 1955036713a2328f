import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Test } from 'tap';

export interface ReceivedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { readonly code?: number };
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
}

interface KeyValue {
  key: string;
  value: {
    stringValue?: string;
    intValue?: number;
    doubleValue?: number;
    arrayValue?: { values: { stringValue: string }[] };
  };
}

interface OtlpRequest {
  resourceSpans: {
    resource: { attributes: KeyValue[] };
    scopeSpans: { spans: (Omit<ReceivedSpan, 'attributes'> & { attributes: KeyValue[] })[] }[];
  }[];
}

function read(attributes: readonly KeyValue[]): Record<string, unknown> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [
      key,
      value.arrayValue?.values.map((one) => one.stringValue) ??
        value.stringValue ??
        value.intValue ??
        value.doubleValue,
    ]),
  );
}

/** A collector of OTLP/HTTP in JSON on a free port. */
export async function startCollector(t: Test, behaviour: 'takes' | 'hangs' | 'refuses' = 'takes') {
  const spans: ReceivedSpan[] = [];
  const headers: NodeJS.Dict<string | string[]>[] = [];
  const waiting: { count: number; resolve: () => void }[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      headers.push(request.headers);
      if (behaviour === 'hangs') return;
      if (behaviour === 'refuses') {
        response.writeHead(400).end();
        return;
      }
      const { resourceSpans } = JSON.parse(text) as OtlpRequest;
      for (const { resource, scopeSpans } of resourceSpans) {
        for (const span of scopeSpans.flatMap((scope) => scope.spans)) {
          spans.push({ ...span, attributes: read(span.attributes), resource: read(resource.attributes) });
        }
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      for (const { count, resolve } of waiting) if (spans.length >= count) resolve();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1/traces`,
    spans,
    headers,
    async receive(count: number): Promise<readonly ReceivedSpan[]> {
      if (spans.length < count) await new Promise<void>((resolve) => waiting.push({ count, resolve }));
      return spans;
    },
  };
}
