"""Run the webhook dispatcher: ``python -m webhook_dispatcher``."""

import sys
from functools import partial

from hub.runtime import run
from webhook_dispatcher.app import NAME, build
from webhook_dispatcher.settings import DispatcherSettings


def main() -> int:
    """Serve until told to stop; returns the exit code."""
    settings = DispatcherSettings()
    return run(NAME, settings, partial(build, settings=settings))


if __name__ == "__main__":
    sys.exit(main())
