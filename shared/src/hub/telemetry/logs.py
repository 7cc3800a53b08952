"""JSON logs on stdout, one line an event, with service, trace and event ids. Nothing secret may be bound here."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, cast

import orjson
import structlog

_SECRET_NAMES = re.compile(r"(secret|password|token|authorization|api_?key|credential|keyring|cookie)", re.IGNORECASE)
_SECRET_TEXT = re.compile(r"(mpp_[a-z0-9]{8,}_)[A-Za-z0-9_-]{20,}|(://[^:/@\s]+:)[^@\s]+(?=@)")


def redact(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blank what is secret by its name, and API keys and URL passwords wherever they stand in a text."""
    for name, value in entry.items():
        if _SECRET_NAMES.search(name):
            entry[name] = "[redacted]"
        elif isinstance(value, str):
            entry[name] = _SECRET_TEXT.sub(lambda found: (found.group(1) or found.group(2)) + "[redacted]", value)
    return entry


def configure_logging(service: str, level: str, style: str) -> None:
    """Set structlog and the standard library's logging to one format; call once at start."""
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer: Any = (
        structlog.dev.ConsoleRenderer()
        if style == "console"
        else structlog.processors.JSONRenderer(serializer=lambda entry, **_: orjson.dumps(entry, default=str).decode())
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stdout),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [cast(logging.Handler, handler)]
    root.setLevel(max(number, logging.WARNING))
