"""Run the gateway: ``python -m gateway``."""

import gc
import sys

from gateway.app import build
from gateway.settings import GatewaySettings
from hub.runtime import run


def main() -> int:
    """Until told to stop; the exit code."""
    # What is loaded by now stays: searching it for garbage again and again would cost each request some microseconds.
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    return run("gateway", GatewaySettings(), build)


if __name__ == "__main__":
    sys.exit(main())
