"""``python -m sync_worker``."""

import sys
from functools import partial

from hub.runtime import run
from sync_worker.app import NAME, build
from sync_worker.settings import SyncWorkerSettings


def main() -> int:
    """Run until told to stop."""
    settings = SyncWorkerSettings()
    return run(NAME, settings, partial(build, settings=settings))


if __name__ == "__main__":
    sys.exit(main())
