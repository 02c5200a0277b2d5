"""A gRPC server that is `good`, `unavailable`, `broken` or `silent`, for tests of health, retries and deadlines.

`good` answers with its name. `unavailable` refuses each call before any message, `broken` after one, `silent` answers
never. Its health service (grpc.health.v1) says SERVING where it is good. Prints its port; ends when standard input
does.
"""

import sys
import threading
from concurrent import futures

import grpc

manner = sys.argv[1]
ended = threading.Event()


def unary(request, context):
    if manner in ("unavailable", "broken"):
        context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
    if manner == "silent":
        ended.wait(60)
    return manner.encode()


def stream(request, context):
    if manner == "unavailable":
        context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
    yield manner.encode()
    if manner == "broken":
        context.abort(grpc.StatusCode.UNAVAILABLE, "half way")


def check(request, context):
    # HealthCheckRequest { service: "shop" } and HealthCheckResponse { status: SERVING | NOT_SERVING }, by hand.
    if request != b"\x0a\x04shop":
        context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
    return b"\x08\x01" if manner == "good" else b"\x08\x02"


server = grpc.server(futures.ThreadPoolExecutor(16), options=[("grpc.so_reuseport", 0)])
server.add_generic_rpc_handlers((
    grpc.method_handlers_generic_handler("test.Echo", {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Stream": grpc.unary_stream_rpc_method_handler(stream),
    }),
    grpc.method_handlers_generic_handler("grpc.health.v1.Health", {
        "Check": grpc.unary_unary_rpc_method_handler(check),
    }),
))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
sys.stdin.read()
ended.set()
server.stop(0)
