"""``hubctl settings``: the services' environment variables."""

from hubctl.console import table
from hubctl.problems import Problem
from hubctl.reference.settings import all_settings


def settings() -> None:
    """List every environment variable, its default and its meaning."""
    try:
        rows = [(each.variable, each.services, each.default.strip("*`"), each.meaning) for each in all_settings()]
    except ModuleNotFoundError as error:
        raise Problem(f"The service {error.name!r} is not installed here.", "docs/settings.md has the list.") from None
    table(("variable", "service", "default", "meaning"), rows, empty="")
