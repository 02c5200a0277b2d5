"""A gRPC server with cleartext HTTP/2 and bytes for messages. Prints its port; ends when standard input does."""

import sys
from concurrent import futures

import grpc


def unary(request, context):
    sent = dict(context.invocation_metadata())
    context.set_trailing_metadata((("x-trailer", sent.get("x-mine", "none")),))
    return request


def fail(request, context):
    context.abort(grpc.StatusCode.NOT_FOUND, "no such th\u00efng")


def late(request, context):
    yield b"first"
    context.abort(grpc.StatusCode.DATA_LOSS, "half way")


def count(request, context):
    for number in range(int(request)):
        yield str(number).encode()


def chat(requests, context):
    for request in requests:
        yield request


def collect(requests, context):
    return b",".join(requests)


methods = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
    "Late": grpc.unary_stream_rpc_method_handler(late),
    "Count": grpc.unary_stream_rpc_method_handler(count),
    "Chat": grpc.stream_stream_rpc_method_handler(chat),
    "Collect": grpc.stream_unary_rpc_method_handler(collect),
}
server = grpc.server(
    futures.ThreadPoolExecutor(16), options=[("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)]
)
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", methods),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
sys.stdin.read()
server.stop(0)
