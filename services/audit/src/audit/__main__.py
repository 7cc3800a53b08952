"""Run the audit service: ``python -m audit``."""

import sys
from functools import partial

from audit.app import NAME, build
from audit.settings import AuditSettings
from hub.runtime import run


def main() -> int:
    """Serve until told to stop; returns the exit code."""
    settings = AuditSettings()
    return run(NAME, settings, partial(build, settings=settings))


if __name__ == "__main__":
    sys.exit(main())
