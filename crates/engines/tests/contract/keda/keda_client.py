"""Calls the external scaler with stubs made from `externalscaler.proto`. `keda_client.py PORT`."""

import sys

import grpc

messages, services = grpc.protos_and_services("externalscaler.proto")
channel = grpc.insecure_channel(
    f"127.0.0.1:{sys.argv[1]}", options=[("grpc.enable_http_proxy", 0)]
)
scaler = services.ExternalScalerStub(channel)


def about(service):
    return messages.ScaledObjectRef(
        name="object",
        namespace="default",
        scalerMetadata={"scalerAddress": "tidegate:9093", "service": service},
    )


print("active", scaler.IsActive(about("shop"), timeout=15).result, flush=True)
for spec in scaler.GetMetricSpec(about("shop"), timeout=15).metricSpecs:
    print("spec", spec.metricName, spec.targetSize, spec.targetSizeFloat, flush=True)
asked = messages.GetMetricsRequest(scaledObjectRef=about("shop"), metricName="s0-name")
for value in scaler.GetMetrics(asked, timeout=15).metricValues:
    print("metrics", value.metricName, value.metricValue, value.metricValueFloat, flush=True)
try:
    scaler.IsActive(about("other"), timeout=15)
except grpc.RpcError as error:
    print("unknown", error.code().name, flush=True)
stream = scaler.StreamIsActive(about("shop"), timeout=15)
for answer in stream:
    print("stream", answer.result, flush=True)
    if answer.result:
        stream.cancel()
        break
