"""W3C trace context: one header, carried from HTTP through the bus into every log line and outgoing call.

Source: https://www.w3.org/TR/trace-context/ (section 3.2, traceparent).
"""

import random
import re
import secrets
from contextvars import ContextVar

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}\Z")
current_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)


def continue_trace(header: str | None) -> str:
    """The trace of an incoming request: its own header when that is valid, else a new trace."""
    if header is not None and len(header) == 55 and _TRACEPARENT.match(header):
        return header
    digits = f"{random.getrandbits(192):048x}"
    return f"00-{digits[:32]}-{digits[32:]}-01"


def child_span(traceparent: str | None) -> str:
    """The same trace with a new span: what goes out to the next party."""
    parent = continue_trace(traceparent)
    return f"{parent[:36]}{secrets.token_hex(8)}{parent[52:]}"


def trace_id(traceparent: str | None) -> str | None:
    """The 32 hex digits that name the trace."""
    return traceparent[3:35] if traceparent else None
