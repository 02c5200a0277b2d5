"""An application for Tidegate to launch: a small HTTP/1.1 server with manners and vices.

    instance.py [--port N | --unix PATH] [--name NAME] [VICES]

One thread, epoll, and nothing imported that is slow, so that it starts in a few hundredths of a second. Every answer repeats
what was asked: the path of a GET, the body of a POST; and says in fields who gave it. SIGTERM ends it in that moment, like
most programs that know nothing of it: whoever sends it must have waited for the answers.

Vices by argument: --after MS (each answer takes so long), --start-delay MS (before it listens), --exit CODE (at once),
--never-listens, --ignore-term, --fork FILE (leaves a process behind that is no child of its own, in another session, deaf
to SIGTERM; its id goes to FILE), --mib N (memory that it holds from the beginning).
By path: /wait/MS/..., /hang (nobody is answered from then on), /crash/CODE, /leak/MIB, /flood/LINES, /burn/MS (CPU),
/env/NAME (answers the variable). An upgraded connection echoes."""

import heapq
import os
import select
import signal
import socket
import sys
import time

MOST_HEAD = 64 << 10


def options(args):
    """`--name value` or `--name`, as a dictionary."""
    found, name = {}, None
    for arg in args:
        if arg.startswith("--"):
            name = arg[2:]
            found[name] = ""
        elif name is not None:
            found[name] = arg
    return found


def say(line):
    print(line, flush=True)


def leave_behind(file):
    """A process of a session of its own, whose parent ends: no signal to our group reaches it."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with open(file, "a", encoding="ascii") as to:
        to.write(f"{os.getpid()}\n")
    while True:
        time.sleep(600)


def listener(told):
    if "unix" in told:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(told["unix"])
        where = told["unix"]
    else:
        where = int(told.get("port") or os.environ["PORT"])
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", where))
    listening.listen(2048)
    listening.setblocking(False)
    say(f"listening on {where}")
    return listening


class Server:
    def __init__(self, listening, told):
        self.listening = listening
        self.after = int(told.get("after") or 0) / 1000
        self.held = [b"x" * (int(told.get("mib") or 0) << 20)]
        name = told.get("name") or os.environ.get("TIDEGATE_INSTANCE", "")
        revision = os.environ.get("REVISION", "")
        self.fields = f"X-Instance: {name}\r\nX-Pid: {os.getpid()}\r\nX-Revision: {revision}\r\n"
        self.poll = select.epoll()
        self.poll.register(listening.fileno(), select.EPOLLIN)
        self.open = {}
        self.due = []
        self.count = 0

    def run(self):
        while True:
            wait = max(0, self.due[0][0] - time.monotonic()) if self.due else -1
            for descriptor, _ in self.poll.poll(wait):
                if descriptor == self.listening.fileno():
                    self.accept()
                elif descriptor in self.open:
                    self.hear(self.open[descriptor])
            while self.due and self.due[0][0] <= time.monotonic():
                _, _, connection, body = heapq.heappop(self.due)
                self.answer(connection, body)

    def accept(self):
        while True:
            try:
                client, _ = self.listening.accept()
            except BlockingIOError:
                return
            client.settimeout(5)
            self.open[client.fileno()] = Connection(client)
            self.poll.register(client.fileno(), select.EPOLLIN)

    def hear(self, connection):
        try:
            some = connection.client.recv(64 << 10)
        except OSError:
            some = b""
        if not some or len(connection.inbox) > MOST_HEAD:
            return self.close(connection)
        if connection.echoes:
            return self.send(connection, some)
        connection.inbox += some
        self.serve(connection)

    def close(self, connection):
        descriptor = connection.client.fileno()
        if descriptor in self.open:
            del self.open[descriptor]
            self.poll.unregister(descriptor)
            connection.client.close()

    def send(self, connection, some):
        try:
            connection.client.sendall(some)
        except OSError:
            self.close(connection)

    def serve(self, connection):
        """Takes the next request, if it is whole and the one before it was answered."""
        end = connection.inbox.find(b"\r\n\r\n")
        if connection.busy or end < 0:
            return
        head = connection.inbox[:end].decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ", 2)
        fields = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
        length = int(fields.get("content-length", 0))
        if len(connection.inbox) < end + 4 + length:
            return
        body = connection.inbox[end + 4 : end + 4 + length]
        connection.inbox = connection.inbox[end + 4 + length :]
        if "upgrade" in fields:
            connection.echoes = True
            upgrade = "Connection: upgrade\r\nUpgrade: websocket\r\n"
            return self.send(connection, f"HTTP/1.1 101 Switching\r\n{upgrade}{self.fields}\r\n".encode())
        connection.busy = True
        self.take(connection, target, body if method == "POST" else target.encode())

    def take(self, connection, target, body):
        words = target.split("/")
        what, value = words[1], words[2] if len(words) > 2 else ""
        after = self.after
        if what == "wait":
            after = int(value) / 1000
        elif what == "hang":
            say("hanging")
            while True:
                time.sleep(600)
        elif what == "crash":
            say("crashing as asked")
            os._exit(int(value))
        elif what == "leak":
            self.held.append(b"x" * (int(value) << 20))
        elif what == "flood":
            for number in range(int(value)):
                print(f"line {number} of a flood that nobody wants to read")
            sys.stdout.flush()
        elif what == "burn":
            until = time.process_time() + int(value) / 1000
            while time.process_time() < until:
                pass
        elif what == "env":
            body = os.environ.get(value, "").encode()
        elif what == "healthz":
            after = 0
        if after == 0:
            self.answer(connection, body)
        else:
            self.count += 1
            heapq.heappush(self.due, (time.monotonic() + after, self.count, connection, body))

    def answer(self, connection, body):
        if connection.client.fileno() < 0:
            return
        connection.busy = False
        head = f"HTTP/1.1 200 OK\r\n{self.fields}Content-Length: {len(body)}\r\n\r\n"
        self.send(connection, head.encode() + body)
        if connection.client.fileno() >= 0:
            self.serve(connection)


class Connection:
    def __init__(self, client):
        self.client = client
        self.inbox = b""
        self.busy = False
        self.echoes = False


def end(*_):
    os.write(1, b"asked to end\n")
    os._exit(0)


def main(told):
    if "exit" in told:
        print("cannot go on: no such luck", file=sys.stderr, flush=True)
        sys.exit(int(told["exit"]))
    signal.signal(signal.SIGTERM, signal.SIG_IGN if "ignore-term" in told else end)
    if "fork" in told:
        leave_behind(told["fork"])
    time.sleep(int(told.get("start-delay") or 0) / 1000)
    if "never-listens" in told:
        say("thinking about it")
        while True:
            time.sleep(600)
    Server(listener(told), told).run()


main(options(sys.argv[1:]))
