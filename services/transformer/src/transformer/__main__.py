"""``python -m transformer``."""

import sys

from hub.runtime import run
from transformer.app import build
from transformer.settings import TransformerSettings


def main() -> int:
    """Run the service until it is told to stop; returns the exit code."""
    settings = TransformerSettings()
    return run("transformer", settings, lambda service: build(service, settings))


if __name__ == "__main__":
    sys.exit(main())
