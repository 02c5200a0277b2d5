"""Calls `grpc_origin.py` through the gateway and prints a line for each call: its last message, or its status.

`grpc_call.py PORT METHOD COUNT TIMEOUT`
"""

import sys

import grpc

port, method, count, timeout = sys.argv[1:5]
# The gateway's retries are what is tested, so the client makes none.
options = [("grpc.enable_http_proxy", 0), ("grpc.enable_retries", 0)]
channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=options)
for _ in range(int(count)):
    try:
        if method == "Stream":
            print(list(channel.unary_stream("/test.Echo/Stream")(b"", timeout=float(timeout)))[-1].decode())
        else:
            print(channel.unary_unary("/test.Echo/Unary")(b"", timeout=float(timeout)).decode())
    except grpc.RpcError as error:
        print(error.code().name)
