"""``python -m simulators.salesforce --port 9101``."""

import argparse
import ssl
from pathlib import Path

import uvloop

from simulators.kit.serving import serve
from simulators.salesforce.app import running

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A Salesforce org to try the hub with.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9101)
    parser.add_argument("--public-url", help="where clients reach it, if not at that host and port")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="begin with N leads")
    parser.add_argument("--rotate", action="store_true", help="each refresh gives a new refresh token")
    parser.add_argument("--webhook-scale", type=float, default=1.0, help="pauses before retries, times that")
    parser.add_argument("--tls-cert", help="PEM file with certificate and key: serve https")
    parser.add_argument("--memory", type=Path, metavar="FILE", help="keep the org there, and go on with it")
    chosen = parser.parse_args()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if chosen.tls_cert else None
    if tls:
        tls.load_cert_chain(chosen.tls_cert)
    uvloop.run(serve("Salesforce", running(
        host=chosen.host, port=chosen.port, public_url=chosen.public_url, count=chosen.seed, rotate=chosen.rotate,
        webhook_scale=chosen.webhook_scale, tls=tls, memory=chosen.memory,
    )))  # fmt: skip
