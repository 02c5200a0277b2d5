"""Asks the external scaler as KEDA does, without stubs: `keda_call.py PORT SERVICE`.

Prints `METHOD HEX` for the bytes of each answer, or `METHOD STATUS`.
"""

import sys

import grpc


def field(number, content):
    return bytes([number << 3 | 2, len(content)]) + content


port, service = sys.argv[1:3]
channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.enable_http_proxy", 0)])
# ScaledObjectRef: name, namespace, and the trigger's metadata.
entry = field(1, b"service") + field(2, service.encode())
about = field(1, b"object") + field(2, b"default") + field(3, entry)
for method, message in [
    ("IsActive", about),
    ("GetMetricSpec", about),
    ("GetMetrics", field(1, about) + field(2, b"s0-name")),
]:
    call = channel.unary_unary(f"/externalscaler.ExternalScaler/{method}")
    try:
        print(method, call(message, timeout=15, wait_for_ready=True).hex())
    except grpc.RpcError as error:
        print(method, error.code().name)
