import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor/index.js';
import { test } from 'tap';

import { descriptors } from '../../../src/edges/grpc/descriptors.ts';
import { readGrpcPath } from '../../../src/protocol/grpc/methods.ts';

const folder = fileURLToPath(new URL('../../../src/edges/grpc/protos/', import.meta.url));

/** Every message with the names and numbers of its fields, every method with its types. */
function outline(namespace: protobuf.NamespaceBase, scope = ''): string[] {
  return namespace.nestedArray.flatMap((object) => {
    const name = `${scope}${object.name}`;
    const lines: string[] = [];
    if (object instanceof protobuf.Type)
      lines.push(...object.fieldsArray.map((field) => `${name}.${field.name} ${field.id}`));
    if (object instanceof protobuf.Service)
      lines.push(...object.methodsArray.map((method) => `${name}.${method.name} ${Boolean(method.responseStream)}`));
    if (object instanceof protobuf.Enum)
      lines.push(...Object.entries(object.values).map(([key, id]) => `${name}.${key} ${id}`));
    // protobufjs writes no messages for the entries of maps.
    const isEntry = object.name.endsWith('Entry');
    return isEntry ? [] : [...lines, ...(object instanceof protobuf.Namespace ? outline(object, `${name}.`) : [])];
  });
}

for (const { name, content, services, symbols } of descriptors) {
  test(`the descriptor of ${name} is that of its text`, async (t) => {
    const { root: text } = protobuf.parse(readFileSync(`${folder}${name}`, 'utf8'), { keepCase: true });
    const set = descriptor.FileDescriptorSet.create({
      file: [descriptor.FileDescriptorProto.decode(Buffer.from(content, 'base64'))],
    });
    const described = (protobuf.Root as unknown as { fromDescriptor(set: object): protobuf.Root }).fromDescriptor(set);
    t.strictSame(outline(described).toSorted(), outline(text).toSorted());
    for (const service of services) t.ok(text.lookupService(service));
    for (const symbol of symbols.filter((each) => !each.endsWith('Entry'))) t.ok(text.lookup(symbol), symbol);
  });
}

test('what of the Open Inference Protocol passes is described, and what is described passes', (t) => {
  const { symbols, content } = descriptors.find(({ name }) => name === 'inference.proto')!;
  const { service } = descriptor.FileDescriptorProto.decode(Buffer.from(content, 'base64')) as unknown as {
    service: { name: string; method: { name: string; inputType: string; outputType: string }[] }[];
  };
  const { name, method } = service[0]!;
  for (const each of method) {
    t.ok(readGrpcPath(`/inference.${name}/${each.name}`, new Set()), each.name);
    for (const type of [each.inputType, each.outputType]) t.ok(symbols.includes(type.slice(1)), type);
  }
  const regions = ['Status', 'Register', 'Unregister'];
  const names = ['ServerLive', 'ServerReady', 'ServerMetadata', 'ModelReady', 'ModelMetadata', 'ModelInfer'];
  names.push('ModelStreamInfer', 'ModelConfig', 'ModelStatistics', 'TraceSetting', 'LogSettings');
  names.push('RepositoryIndex', 'RepositoryModelLoad', 'RepositoryModelUnload');
  names.push(...regions.flatMap((verb) => [`SystemSharedMemory${verb}`, `CudaSharedMemory${verb}`]));
  t.strictSame(method.map((each) => each.name).toSorted(), names.toSorted());
  t.end();
});
