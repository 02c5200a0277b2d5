"""An engine as far as Tidegate uses one: containers over the Engine API, each of which is an HTTP server of this process.

    engine.py SOCKET

It listens at that Unix socket, and on a port of 127.0.0.1, which it prints, for the test itself: there `GET /test` gives
the containers that run, and how many were made. A container answers with its name and image; one of the image `broken`
ends at once. It ends when its standard input does.
"""

import json
import os
import queue
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

lock = threading.RLock()
containers = {}  # by id
made = 0
listeners = []


class Instance(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = json.dumps(self.server.says).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Serving(ThreadingHTTPServer):
    daemon_threads = True
    # More than the library's 5: a test may open many connections at once.
    request_queue_size = 128


def find(name):
    for key, container in containers.items():
        if name in (key, container["name"]):
            return key, container
    return None, None


def ends(key, code):
    container = containers[key]
    if container["status"] != "running":
        return
    container.update(status="exited", code=code)
    server = container.pop("server", None)
    if server:
        threading.Thread(target=lambda: (server.shutdown(), server.server_close())).start()
    labels = dict(container["body"]["Labels"], exitCode=str(code))
    event = {"Type": "container", "Action": "die", "Actor": {"ID": key, "Attributes": labels}}
    for listener in list(listeners):
        listener.put(event)


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=None):
        text = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Api-Version", "1.44")
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(text)))
        self.send_header("Connection", "close")
        self.end_headers()
        if status not in (204, 304):
            self.wfile.write(text)
        self.close_connection = True

    def ask(self):
        url = urlsplit(self.path)
        query = {key: value[0] for key, value in parse_qs(url.query).items()}
        parts = url.path.strip("/").split("/")
        if parts and parts[0].startswith("v1."):
            parts = parts[1:]
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        return self.command, parts, query, body

    def handle_one(self):
        global made
        method, parts, query, body = self.ask()
        if parts == ["events"]:
            return self.events()
        with lock:
            if parts == ["_ping"]:
                return self.answer(200, "OK")
            if parts == ["test"]:
                running = sorted(c["name"] for c in containers.values() if c["status"] == "running")
                return self.answer(200, {"running": running, "made": made, "all": len(containers)})
            if (method, parts) == ("POST", ["containers", "create"]):
                if find(query["name"])[0]:
                    return self.answer(409, {"message": "Conflict. The name is in use"})
                made += 1
                key = f"{made:064x}"
                containers[key] = {"name": query["name"], "status": "created", "code": 0, "body": body}
                return self.answer(201, {"Id": key})
            if parts == ["containers", "json"]:
                wanted = json.loads(query.get("filters", "{}")).get("label", [])
                has = lambda c: all(c["body"]["Labels"].get(w.split("=")[0]) == w.split("=")[1] for w in wanted)
                return self.answer(200, [{"Id": key} for key, c in containers.items() if has(c)])
            key, container = find(parts[1]) if len(parts) > 1 and parts[0] == "containers" else (None, None)
            if not key:
                return self.answer(404, {"message": "No such container"})
            if method == "DELETE":
                ends(key, 137)
                del containers[key]
                return self.answer(204)
            if parts[2] == "start":
                container["status"] = "running"
                if container["body"]["Image"] == "broken":
                    ends(key, 1)
                    return self.answer(204)
                server = Serving(("127.0.0.1", 0), Instance)
                server.says = {"name": container["name"], "image": container["body"]["Image"]}
                container["server"] = server
                threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
                return self.answer(204)
            if parts[2] == "stop":
                ends(key, 143)
                return self.answer(204)
            if parts[2] == "stats":
                return self.answer(200, {"cpu_stats": {"cpu_usage": {"total_usage": 0}}, "memory_stats": {"usage": 1 << 20}})
            if parts[2] == "logs":
                return self.answer(404, {"message": "no logs"})
            running = container["status"] == "running"
            at = [{"HostIp": "127.0.0.1", "HostPort": str(container["server"].server_port)}] if running else None
            port = container["body"]["Labels"]["tidegate.port"]
            self.answer(200, {
                "Id": key,
                "State": {"Status": container["status"], "Running": running, "ExitCode": container["code"]},
                "Config": {"Labels": container["body"]["Labels"]},
                "NetworkSettings": {"Ports": {f"{port}/tcp": at}},
            })

    do_GET = do_POST = do_DELETE = lambda self: self.handle_one()

    def events(self):
        listener = queue.Queue()
        with lock:
            listeners.append(listener)
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        while True:
            line = json.dumps(listener.get()).encode() + b"\n"
            try:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                self.wfile.flush()
            except OSError:
                break


class Unix(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128

    def get_request(self):
        request, _ = super().get_request()
        return request, ("unix", 0)


api = Unix(sys.argv[1], Api)
threading.Thread(target=api.serve_forever, args=(0.02,), daemon=True).start()
for_test = Serving(("127.0.0.1", 0), Api)
threading.Thread(target=for_test.serve_forever, args=(0.02,), daemon=True).start()
print(for_test.server_port, flush=True)
sys.stdin.read()
os._exit(0)
