"""``python -m simulators.hubspot --port 9200``."""

import argparse
from pathlib import Path

import uvloop

from simulators.hubspot.app import running
from simulators.hubspot.options import Options
from simulators.hubspot.settings import Settings
from simulators.kit.serving import serve

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="HubSpot, simulated.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9200)
    parser.add_argument("--public-url", help="as which clients know this server; told in paging links")
    parser.add_argument("--portal", type=int, default=Settings().portal_id, help="the account's id")
    parser.add_argument("--private-token", action="append", help="a static token; may be repeated")
    parser.add_argument("--developer-key", default=Settings().developer_key, help="?hapikey= of webhook settings")
    parser.add_argument("--rotate", action="store_true", help="each refresh gives a new refresh token")
    parser.add_argument("--retry-scale", type=float, default=1.0, help="shortens the pauses between webhook attempts")
    parser.add_argument("--search-lag", type=float, default=0.0, help="seconds until search knows of a write")
    parser.add_argument("--seed", type=int, default=0, help="this many made-up contacts to begin with")
    parser.add_argument("--memory", type=Path, metavar="FILE", help="keep the account there, and go on with it")
    given = parser.parse_args()
    settings = Settings(
        given.portal, tuple(given.private_token or Settings().private_tokens), given.developer_key, given.public_url,
        given.rotate, given.retry_scale, None, Options(search_lag=given.search_lag),
    )  # fmt: skip
    account = running(settings, host=given.host, port=given.port, contacts=given.seed, memory=given.memory)
    uvloop.run(serve("HubSpot", account))
