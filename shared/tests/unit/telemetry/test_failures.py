"""What is logged and kept of a failure never quotes the data that caused it."""

import json
import os
import subprocess
import sys
from typing import Any

import asyncpg
import pytest
from pydantic import ValidationError

from hub.contracts.events import EnrollmentReceived, LeadReceived
from hub.telemetry.failures import traced, words

CANARY = "canary@leak.example"


def _invalid(model: Any, data: dict[str, Any]) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(data)
    return caught.value


def _number() -> ValueError:
    with pytest.raises(ValueError, match="canary") as caught:
        float(CANARY)
    return caught.value


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (_invalid(EnrollmentReceived, {"premium": CANARY}), "ValidationError: enrollment_id: Field required"),
        (_invalid(LeadReceived, {"origin": CANARY}), "ValidationError: origin: Input should be"),
        (_number(), "ValueError: could not convert string to float: '…'"),
        (asyncpg.DataError(f"invalid input for query argument $8: '{CANARY}' (a number is required)"), "argument $8"),
        (asyncpg.InvalidTextRepresentationError(f'invalid input syntax for type uuid: "{CANARY}"'), "for type uuid"),
        (KeyError("lead_id"), "KeyError: 'lead_id'"),
        (RuntimeError("the pump is broken"), "RuntimeError: the pump is broken"),
    ],
)
def test_words_say_what_is_wrong_and_quote_nothing(error: Exception, said: str) -> None:
    for text in (words(error), traced(error)):
        assert said in text
        assert CANARY not in text


def test_a_trace_names_places_and_causes() -> None:
    with pytest.raises(RuntimeError) as caught:
        _wrap()
    text = traced(caught.value)
    assert text.index("KeyError: 'inner'") < text.index("RuntimeError: outer")
    assert "in _wrap" in text


def _wrap() -> None:
    try:
        raise KeyError("inner")
    except KeyError as error:
        raise RuntimeError("outer") from error


def test_a_log_line_of_a_failure_quotes_nothing() -> None:
    program = f"""
import structlog
from hub.telemetry.logs import configure_logging
configure_logging("t", "info", "json")
log = structlog.get_logger()
try:
    float("{CANARY}")
except ValueError as error:
    log.exception("one")
    log.error("two", exc_info=error, error=f"no such user {CANARY}, mpp_abcdefgh1_{"k" * 40}")
"""
    lines = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=dict(os.environ)
    ).stdout.splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["one", "two"]
    assert all("could not convert string" in json.loads(line)["exception"] for line in lines)
    assert json.loads(lines[1])["error"] == "no such user [e-mail], mpp_abcdefgh1_[redacted]"
    assert "canary" not in "".join(lines).replace('float(\\"canary@leak.example\\")', "")
