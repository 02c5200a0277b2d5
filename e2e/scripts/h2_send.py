"""Sends requests of HTTP/2 as they are told, each on a connection of its own, and prints what came of each as JSON.

`h2_send.py PORT CASES`, where CASES is a JSON list of {"headers": [[name, value], ...], "body": text or null,
"trailers": [[name, value], ...] or null}. Nothing is checked or put in order on the way out."""

import json
import socket
import sys

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions


def send(port, case):
    config = h2.config.H2Configuration(
        client_side=True,
        header_encoding="latin-1",
        validate_outbound_headers=False,
        normalize_outbound_headers=False,
        validate_inbound_headers=False,
    )
    connection = h2.connection.H2Connection(config)
    wire = socket.create_connection(("127.0.0.1", port), timeout=15)
    connection.initiate_connection()
    body, trailers = case.get("body"), case.get("trailers")
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in case["headers"]]
    connection.send_headers(1, headers, end_stream=body is None)
    if body is not None:
        connection.send_data(1, body.encode(), end_stream=not trailers)
    if trailers:
        connection.send_headers(1, [(n.encode(), v.encode()) for n, v in trailers], end_stream=True)
    wire.sendall(connection.data_to_send())
    outcome = {"status": 0, "headers": [], "body": "", "trailers": [], "end": "closed"}
    while True:
        try:
            data = wire.recv(65536)
        except ConnectionResetError:
            return outcome
        if not data:
            return outcome
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                outcome["headers"] = [list(field) for field in event.headers]
                outcome["status"] = int(dict(event.headers)[":status"])
            elif isinstance(event, h2.events.DataReceived):
                outcome["body"] += event.data.decode("latin-1")
                connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.TrailersReceived):
                outcome["trailers"] = [list(field) for field in event.headers]
            elif isinstance(event, h2.events.StreamEnded):
                return outcome | {"end": "ended"}
            elif isinstance(event, h2.events.StreamReset):
                return outcome | {"end": "reset"}
            elif isinstance(event, h2.events.ConnectionTerminated):
                return outcome | {"end": "goaway"}
        wire.sendall(connection.data_to_send())


print(json.dumps([send(int(sys.argv[1]), case) for case in json.loads(sys.argv[2])]))
