"""The messages and the stub of a gRPC service of one's own, made without the compiler of protobuf."""

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SERVICE = "interop.Scorer"

file = descriptor_pb2.FileDescriptorProto(name="interop.proto", package="interop", syntax="proto3")
for name in ("Asked", "Told"):
    field = file.message_type.add(name=name).field.add(name="text", number=1)
    field.type = descriptor_pb2.FieldDescriptorProto.TYPE_STRING
    field.label = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
pool = descriptor_pool.DescriptorPool()
pool.Add(file)
Asked = message_factory.GetMessageClass(pool.FindMessageTypeByName("interop.Asked"))
Told = message_factory.GetMessageClass(pool.FindMessageTypeByName("interop.Told"))


def add_scorer_to_server(servicer, server) -> None:
    codecs = {"request_deserializer": Asked.FromString, "response_serializer": Told.SerializeToString}
    handlers = {
        "Score": grpc.unary_unary_rpc_method_handler(servicer.Score, **codecs),
        "ScoreStream": grpc.unary_stream_rpc_method_handler(servicer.ScoreStream, **codecs),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))


class Stub:
    def __init__(self, channel: grpc.Channel):
        codecs = {"request_serializer": Asked.SerializeToString, "response_deserializer": Told.FromString}
        self.score = channel.unary_unary(f"/{SERVICE}/Score", **codecs)
        self.score_stream = channel.unary_stream(f"/{SERVICE}/ScoreStream", **codecs)
