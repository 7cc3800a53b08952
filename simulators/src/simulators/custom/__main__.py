"""``python -m simulators.custom --port 9100 --db crm.sqlite --api-key demo``."""

import argparse
import asyncio
import signal

import uvloop

from simulators.custom.app import running


async def serve(options: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with running(options.db, options.api_key, host=options.host, port=options.port) as crm:
        print(f"custom CRM listens on {crm.url}/v2", flush=True)
        await stop.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A custom REST CRM to try the hub with.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9100)
    parser.add_argument("--db", default=":memory:", help="SQLite file that keeps the leads")
    parser.add_argument("--api-key", required=True, help="the key that clients must present")
    uvloop.run(serve(parser.parse_args()))
