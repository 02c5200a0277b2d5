"""Talks WebSocket over HTTP/1.1 with the server script behind the gateway. `ws_client.py URL STEP`."""

import asyncio
import json
import os
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed


async def echo(url):
    async with connect(url, subprotocols=["chat.v1", "chat.v2"], max_size=None, proxy=None) as socket:
        assert socket.subprotocol == "chat.v2", socket.subprotocol
        for size in [0, 1, 125, 126, 65535, 65536, 3_000_000]:
            data = os.urandom(size)
            await socket.send(data)
            assert await socket.recv() == data, size
        await socket.send("gr\u00fc\u00dfe")
        assert await socket.recv() == "gr\u00fc\u00dfe"
        waiter = await socket.ping()
        await asyncio.wait_for(waiter, 10)


async def close(url):
    async with connect(url + "close", proxy=None) as socket:
        try:
            await socket.recv()
        except ConnectionClosed as closed:
            assert closed.rcvd.code == 4001 and closed.rcvd.reason == "as asked", closed
            return
        raise AssertionError("still open")


async def head(url):
    async with connect(url + "head", proxy=None, additional_headers={"X-Mine": "yes"}) as socket:
        print(json.dumps(dict(json.loads(await socket.recv()))))


async def many(url):
    async def one(number):
        async with connect(url, proxy=None) as socket:
            for turn in range(20):
                await socket.send(f"{number} {turn}")
                assert await socket.recv() == f"{number} {turn}"

    await asyncio.gather(*(one(number) for number in range(30)))


asyncio.run(globals()[sys.argv[2]](sys.argv[1]))
