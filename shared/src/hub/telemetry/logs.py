"""JSON logs on stdout, one line an event, with service, trace and event ids. Nothing secret may be bound here."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, cast

import orjson
import structlog

from hub.telemetry.failures import write_traces

_SECRET_NAMES = re.compile(r"(secret|password|token|authorization|api_?key|credential|keyring|cookie)", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s@'\"<>(),:/]+@[^\s@'\"<>(),:/]+\.[a-zA-Z]{2,}")
_SECRET_TEXT = re.compile(r"(mpp_[a-z0-9]{8,}_)[A-Za-z0-9_-]{20,}|(://[^:/@\s]+:)[^@\s]+(?=@)")


def redact(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blank what is secret by its name; API keys, URL passwords and e-mail addresses wherever they stand in a text."""
    for name, value in entry.items():
        if _SECRET_NAMES.search(name):
            entry[name] = "[redacted]"
        elif isinstance(value, str):
            text = _SECRET_TEXT.sub(lambda found: (found.group(1) or found.group(2)) + "[redacted]", value)
            entry[name] = _ADDRESS.sub("[e-mail]", text) if "@" in text else text
    return entry


def configure_logging(service: str, level: str, style: str) -> None:
    """Set structlog and the standard library's logging to one format; call once at start."""
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        write_traces,
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
