"""Opens a WebSocket over HTTP/2 (RFC 8441) and has three messages echoed. `ws_over_h2.py PORT`."""

import os
import socket
import struct
import sys

import h2.config
import h2.connection
import h2.events
import h2.settings

wire = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=15)
connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
connection.initiate_connection()
wire.sendall(connection.data_to_send())
received, answer, ended = bytearray(), None, False


def pump():
    """Takes what the gateway sent next."""
    global answer, ended
    data = wire.recv(65536)
    assert data, "the gateway closed the connection"
    for event in connection.receive_data(data):
        if isinstance(event, h2.events.ResponseReceived):
            answer = dict(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            received.extend(event.data)
            connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
            ended = True
    wire.sendall(connection.data_to_send())


def masked(opcode, payload):
    mask = os.urandom(4)
    size = len(payload)
    length = struct.pack("!B", 0x80 | size) if size < 126 else struct.pack("!BH", 0x80 | 126, size)
    return bytes([0x80 | opcode]) + length + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


def frame():
    """The next frame from the server: opcode and payload."""
    while True:
        if len(received) >= 2:
            size, start = received[1] & 0x7F, 2
            if size == 126 and len(received) >= 4:
                size, start = struct.unpack("!H", received[2:4])[0], 4
            if size != 126 and len(received) >= start + size or start == 4 and len(received) >= 4 + size:
                opcode, payload = received[0] & 0x0F, bytes(received[start : start + size])
                del received[: start + size]
                return opcode, payload
        pump()


# The gateway says that it can (RFC 8441 section 3); until then the setting is 0.
while connection.remote_settings[h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL] != 1:
    pump()
connection.send_headers(
    1,
    [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":path", "/chat"),
        (":authority", "example.com"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-protocol", "chat.v2"),
    ],
)
wire.sendall(connection.data_to_send())
while answer is None:
    pump()
assert answer[":status"] == "200", answer
assert answer.get("sec-websocket-protocol") == "chat.v2", answer
assert "upgrade" not in answer and "connection" not in answer, answer
for message in [b"one", b"", b"x" * 5000]:
    connection.send_data(1, masked(2, message))
    wire.sendall(connection.data_to_send())
    assert frame() == (2, message)
connection.send_data(1, masked(8, struct.pack("!H", 1000)))
wire.sendall(connection.data_to_send())
assert frame() == (8, struct.pack("!H", 1000))
print("ok")
