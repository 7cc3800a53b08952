"""Every environment variable of every service, from the services' own settings models."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from hub.settings import ServiceSettings

SERVICES = ("gateway", "transformer", "sync-worker", "webhook-dispatcher", "audit")


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable: who reads it, what it is unless set, what it means."""

    variable: str
    services: str
    default: str
    meaning: str


def model(service: str) -> type[ServiceSettings]:
    """A service's settings model. ModuleNotFoundError where the service is not installed."""
    module = import_module(f"{service.replace('-', '_')}.settings")
    own = (each for each in vars(module).values() if isinstance(each, type) and issubclass(each, ServiceSettings))
    return next(each for each in own if each is not ServiceSettings)


def all_settings() -> Iterator[Setting]:
    """First those that all services share, then each service's own, then groups that several of them read."""
    for name, field in ServiceSettings.model_fields.items():
        yield _setting(name, field, "all")
    readers: dict[type[BaseSettings], list[str]] = {}
    for service in SERVICES:
        for name, field in model(service).model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseSettings):
                readers.setdefault(field.annotation, []).append(service)
            elif name not in ServiceSettings.model_fields:
                yield _setting(name, field, service)
    for group, services in readers.items():
        for name, field in group.model_fields.items():
            yield _setting(name, field, ", ".join(services))


def _setting(name: str, field: FieldInfo, services: str) -> Setting:
    default = (
        "*required*" if field.default is PydanticUndefined else f"`{field.default}`" if field.default != "" else "–"
    )
    return Setting(f"HUB_{name.upper()}", services, default, field.description or "")


def settings_page() -> str:
    """docs/settings.md."""
    lines = [
        "# Settings",
        "",
        "Every setting is an environment variable. This page is generated from the services' settings models",
        "(`make docs`); `hubctl settings` prints it too. Times are in seconds unless the text says otherwise.",
        "",
        "| Variable | Service | Default | Meaning |",
        "|---|---|---|---|",
    ]
    for each in all_settings():
        meaning = each.meaning.replace("|", "\\|")
        lines.append(f"| `{each.variable}` | {each.services} | {each.default} | {meaning} |")
    lines += [
        "",
        "`hubctl` reads `HUB_DATABASE_URL`, `HUB_BUS_URL`, `HUB_KEYRING_FILE` and `HUB_KEYRING` like a service, and",
        "`HUB_URL` and `HUB_API_KEY` for `hubctl import`. Where `HUB_DATABASE_URL` is not set, it works on the local",
        "hub whose addresses `hubctl run` wrote to `.local/hub.env`.",
        "",
    ]
    return "\n".join(lines)
