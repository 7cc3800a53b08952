"""Write the pages of docs/ that come from the code; ``--check`` only says whether they are current."""

import sys
from pathlib import Path

import yaml

from hubctl.reference.asyncapi import asyncapi
from hubctl.reference.events import events_page
from hubctl.reference.settings import settings_page

DOCS = Path(__file__).parent


def pages() -> dict[str, str]:
    """Text by file name."""
    return {
        "settings.md": settings_page(),
        "events.md": events_page(),
        "asyncapi.yaml": "# Generated from hub.contracts (make docs).\n"
        + yaml.safe_dump(asyncapi(), sort_keys=False, allow_unicode=True, width=120),
    }


def main() -> int:
    """Returns 1 when ``--check`` finds a page that is not current."""
    stale = []
    for name, text in pages().items():
        file = DOCS / name
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                file.write_text(text, encoding="utf-8")
    if stale:
        verb = "are not current: run make docs" if "--check" in sys.argv else "written"
        print(f"docs: {', '.join(stale)} {verb}")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
