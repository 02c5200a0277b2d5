"""Asks over HTTP/2 until its standard input ends, as RFC 9113 section 6.8 wants it of a client: behind a GOAWAY it opens
another connection, and asks again only what the gateway says that it has not looked at. `h2_steady.py PORT`.

Prints one line of JSON: requests that were answered, connections, GOAWAYs, what was asked again, and failures."""

import json
import selectors
import socket
import sys

import h2.config
import h2.connection
import h2.events

OPEN_MOST = 10
PATHS = ["/quick", "/slow", "/quick", "/quick"]

told = {"answered": 0, "connections": 0, "goaways": 0, "again": 0, "failures": []}
watched = selectors.DefaultSelector()
again, number = [], 0


class Connection:
    def __init__(self):
        told["connections"] += 1
        self.wire = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=15)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.open, self.leaving, self.held = {}, False, b""
        self.flush()
        watched.register(self.wire, selectors.EVENT_READ, self)

    def flush(self):
        self.wire.sendall(self.h2.data_to_send())

    def ask(self, target):
        stream = self.h2.get_next_available_stream_id()
        fields = [(":method", "GET"), (":scheme", "http"), (":path", target), (":authority", "example.com")]
        self.h2.send_headers(stream, fields, end_stream=True)
        self.open[stream] = {"target": target, "status": None, "body": b""}
        self.flush()

    def end(self, why):
        for exchange in self.open.values():
            told["failures"].append(f"{exchange['target']}: {why}")
        self.open, self.leaving = {}, True
        watched.unregister(self.wire)
        self.wire.close()

    def read(self):
        try:
            data = self.wire.recv(65536)
        except OSError as error:
            return self.end(str(error))
        if not data:
            return self.end("the connection was closed")
        self.held += data
        # Frame by frame, for the library takes any GOAWAY for the end, and would take nothing behind it.
        while len(self.held) >= 9 and len(self.held) >= (size := 9 + int.from_bytes(self.held[:3], "big")):
            frame, self.held = self.held[:size], self.held[size:]
            for event in self.h2.receive_data(frame):
                self.take(event)
        if self.leaving and not self.open:
            return self.end("nothing is open")
        self.flush()

    def take(self, event):
        if isinstance(event, h2.events.ConnectionTerminated):
            told["goaways"] += 1
            self.leaving = True
            if event.error_code != 0:
                told["failures"].append(f"GOAWAY with error {event.error_code}")
            for stream in [stream for stream in self.open if stream > event.last_stream_id]:
                told["again"] += 1
                again.append(self.open.pop(stream)["target"])
            self.h2.state_machine.state = h2.connection.ConnectionState.CLIENT_OPEN
        exchange = self.open.get(getattr(event, "stream_id", None))
        if exchange is None:
            return
        if isinstance(event, h2.events.ResponseReceived):
            exchange["status"] = dict(event.headers)[":status"]
        elif isinstance(event, h2.events.DataReceived):
            exchange["body"] += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            told["failures"].append(f"{exchange['target']}: reset with {event.error_code}")
            del self.open[event.stream_id]
        elif isinstance(event, h2.events.StreamEnded):
            if exchange["status"] == "200" and exchange["body"].decode() == exchange["target"]:
                told["answered"] += 1
            else:
                told["failures"].append(f"{exchange}")
            del self.open[event.stream_id]


current = None
watched.register(sys.stdin, selectors.EVENT_READ)
asking = True
while asking or again or any(key.data and key.data.open for key in watched.get_map().values()):
    if current is None or current.leaving:
        current = Connection()
    while len(current.open) < OPEN_MOST and (asking or again):
        number += 1
        current.ask(again.pop() if again else f"{PATHS[number % len(PATHS)]}/{number}")
    for key, _ in watched.select(timeout=15):
        if key.data:
            key.data.read()
        else:
            asking = False
            watched.unregister(sys.stdin)
print(json.dumps(told))
