"""The floor: an aiohttp + uvloop handler that parses JSON, keeps nothing and checks nothing."""

import sys

import orjson
import uvloop
from aiohttp import web


async def receive(request: web.Request) -> web.Response:
    """Parse, forget, answer 202."""
    orjson.loads(await request.read())
    return web.Response(status=202, body=b'{"status":"accepted"}', content_type="application/json")


async def serve(port: int) -> None:
    """Serve until killed."""
    app = web.Application()
    app.router.add_post("/webhook", receive)
    await web._run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
