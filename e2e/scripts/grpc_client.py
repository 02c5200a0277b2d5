"""Calls the gRPC server script through the gateway. `grpc_client.py PORT STEP`."""

import queue
import sys

import grpc

channel = grpc.insecure_channel(
    f"127.0.0.1:{sys.argv[1]}",
    options=[("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", -1)],
)
path = "/test.Echo/"


def error_of(call):
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("the call succeeded")


def unary():
    call = channel.unary_unary(path + "Unary")
    for size in [0, 1, 100_000, 2_000_000]:
        message = b"m" * size
        answer, done = call.with_call(message, metadata=(("x-mine", "yes"),), timeout=15)
        assert answer == message, size
        assert dict(done.trailing_metadata())["x-trailer"] == "yes", done.trailing_metadata()
        assert done.code() == grpc.StatusCode.OK


def fail():
    error = error_of(lambda: channel.unary_unary(path + "Fail")(b"", timeout=15))
    assert error.code() == grpc.StatusCode.NOT_FOUND, error
    assert error.details() == "no such th\u00efng", error.details()


def late():
    stream = channel.unary_stream(path + "Late")(b"", timeout=15)
    assert next(stream) == b"first"
    error = error_of(lambda: next(stream))
    assert (error.code(), error.details()) == (grpc.StatusCode.DATA_LOSS, "half way"), error


def streams():
    numbers = list(channel.unary_stream(path + "Count")(b"500", timeout=15))
    assert numbers == [str(n).encode() for n in range(500)]
    parts = [str(n).encode() for n in range(500)]
    assert channel.stream_unary(path + "Collect")(iter(parts), timeout=15) == b",".join(parts)


def chat():
    """The next message is made only when the one before has come back."""
    messages = queue.Queue()
    answers = channel.stream_stream(path + "Chat")(iter(messages.get, None), timeout=30)
    for number in range(50):
        messages.put(str(number).encode())
        assert next(answers) == str(number).encode()
    messages.put(None)
    assert list(answers) == []
    assert answers.code() == grpc.StatusCode.OK


def unavailable():
    error = error_of(lambda: channel.unary_unary(path + "Unary")(b"", timeout=15))
    assert error.code() == grpc.StatusCode.UNAVAILABLE, error


def many():
    calls = [channel.unary_unary(path + "Unary").future(str(n).encode(), timeout=30) for n in range(300)]
    assert [call.result() for call in calls] == [str(n).encode() for n in range(300)]


globals()[sys.argv[2]]()
print("ok")
