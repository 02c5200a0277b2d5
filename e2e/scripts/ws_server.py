"""A WebSocket server that sends back what it gets. Prints its port; ends when standard input does.

`/close` closes with code 4001 at once; `/head` first sends the request's fields as JSON."""

import asyncio
import json
import sys

from websockets.asyncio.server import serve


async def handler(socket):
    path = socket.request.path
    if path == "/close":
        await socket.close(4001, "as asked")
        return
    if path == "/head":
        await socket.send(json.dumps([[n.lower(), v] for n, v in socket.request.headers.raw_items()]))
    async for message in socket:
        await socket.send(message)


def choose(socket, offered):
    """The library would refuse clients that offer none."""
    return "chat.v2" if "chat.v2" in offered else None


async def main():
    async with serve(handler, "127.0.0.1", 0, select_subprotocol=choose, max_size=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
