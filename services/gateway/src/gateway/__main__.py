"""Run the gateway: ``python -m gateway``."""

import sys

from gateway.app import build
from gateway.settings import GatewaySettings
from hub.runtime import run


def main() -> int:
    """Until told to stop; the exit code."""
    return run("gateway", GatewaySettings(), build)


if __name__ == "__main__":
    sys.exit(main())
