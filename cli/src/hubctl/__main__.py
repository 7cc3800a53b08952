"""``hubctl``: expected failures end with a message and exit code 1, never with a traceback."""

import sys

from rich.markup import escape

from hubctl.app import app
from hubctl.console import err
from hubctl.problems import explain


def main() -> None:
    """Run the command line."""
    try:
        app()
    except Exception as error:
        problem = explain(error)
        if problem is None:
            raise
        err.print(f"[red]✗[/] {escape(problem.message)}")
        if problem.hint:
            err.print(f"  {escape(problem.hint)}")
        sys.exit(1)


if __name__ == "__main__":
    main()
