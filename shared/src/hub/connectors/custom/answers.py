"""What a custom CRM's answers mean. Pure: statuses and bodies in, named failures out."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hub.connectors.answers import document_of, retry_after, storable
from hub.connectors.calls import Answer, not_json
from hub.connectors.custom.paths import MISSING, at, first
from hub.connectors.custom.wire import CustomConfig, Errors
from hub.contracts.failures import CrmFailure, FailureKind, RecordError
from hub.contracts.pushing import PushItem, PushResult

MAX_MESSAGE, MAX_CODE, MAX_ID = 500, 100, 255
USUAL_LISTS = ("data", "leads", "records", "results", "items")


def judge(answer: Answer, errors: Errors) -> CrmFailure | None:
    """None for a 2xx answer; else what it means."""
    status = answer.status
    if 200 <= status < 300:
        return None
    wait = retry_after(answer.headers.get("Retry-After"))
    document = document_of(answer)
    error = _error(answer, errors)
    if status == 429:
        return CrmFailure(FailureKind.RATE_LIMIT, error, wait)
    if status in (401, 403):
        return CrmFailure(FailureKind.AUTH, error)
    if status >= 500 or status == 408:
        return CrmFailure(FailureKind.SERVER, error, wait, stored=None)
    return CrmFailure(FailureKind.VALIDATION, error, document=document)


def written(answer: Answer, errors: Errors, success: tuple[int, ...]) -> Any:
    """The document of a write that was answered with 2xx. Raises CrmFailure: it was a refusal all the same."""
    document = answer.json()
    _refuse(answer, document, errors)
    if answer.status not in success:
        message = f"the CRM answered {answer.status}, which the configuration does not list as success"
        error = RecordError("UNEXPECTED_STATUS", message, status=answer.status)
        raise CrmFailure(FailureKind.SERVER, error, stored=None)
    return document


def _refuse(answer: Answer, document: Any, errors: Errors) -> None:
    """Raise CrmFailure when the document is an error, whatever the status."""
    if isinstance(document, dict):
        told = errors.code_path and first(document, errors.code_path) is not MISSING
        refused = document.get("success") is False or document.get("ok") is False
        if told or refused or (document.get("error") and at(document, "id") is MISSING):
            raise CrmFailure(FailureKind.VALIDATION, _error(answer, errors))


def deleted(answer: Answer, errors: Errors) -> None:
    """Raise CrmFailure when a deletion that was answered with 2xx is none. A CRM may say anything else to it."""
    if is_page(answer):
        raise CrmFailure(FailureKind.SERVER, not_json(answer), stored=None)
    _refuse(answer, document_of(answer), errors)


def is_page(answer: Answer) -> bool:
    """Whether a web page answers: a login, a proxy's apology. Nobody knows what the CRM would have said."""
    return answer.content[:200].lstrip()[:1] == b"<"


def is_duplicate(failure: CrmFailure, errors: Errors) -> bool:
    """Whether the CRM refused a create because the person is there already."""
    return failure.error.status in errors.duplicate_statuses or failure.error.code in errors.duplicate_codes


def push_result(failed: CrmFailure, item: PushItem, *, gone: bool = False) -> PushResult:
    """One item's failed call."""
    field = failed.error.field
    attempted = item.record.get(field) if field else None
    error = failed.error
    if attempted is not None:
        error = replace(error, attempted_value=str(attempted)[:MAX_MESSAGE])
    unknown = failed.stored is None
    return PushResult(
        False, kind=failed.kind, error=error, retry_after=failed.retry_after, unknown_outcome=unknown, gone=gone
    )


def identifier(document: Any, path: str | None = None) -> str | None:
    """The record's id: at the path, else ``id`` or ``data.id``, else the answer itself is one. None: not told."""
    if isinstance(document, dict):
        value = at(document, path) if path else first(document, "id", "data.id")
    else:
        value = document
    if isinstance(value, bool) or not isinstance(value, str | int) or not 0 < len(str(value)) <= MAX_ID:
        return None
    return None if "\x00" in str(value) else str(value)


def records(document: Any, config: CustomConfig) -> list[Mapping[str, Any]]:
    """The records of a list answer: where the configuration says, else a bare array, or one under a usual name."""
    rows = document
    if config.records_path is not None:
        rows = at(document, config.records_path)
        rows = [] if rows is None else rows
    elif isinstance(document, dict):
        rows = next((document[name] for name in USUAL_LISTS if name in document), None)
    elif document is None:
        rows = []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        error = RecordError("UNEXPECTED_ANSWER", "the CRM's answer is not a list of leads")
        raise CrmFailure(FailureKind.SERVER, error)
    return rows


def record(answer: Answer, config: CustomConfig) -> Mapping[str, Any] | None:
    """The record of an answer about one; None when it says that there is none. Raises CrmFailure: it says neither."""
    document, path = told(answer), config.record_path
    _refuse(answer, document, config.errors)
    if path is None:
        path = "data" if isinstance(document, dict) and document and at(document, config.id_path) is MISSING else ""
    found = at(document, path)
    if isinstance(found, list) and found:
        found = found[0]
    if found in (None, [], {}):
        return None
    if isinstance(found, dict) and identifier(found, config.id_path) is not None:
        return found
    raise CrmFailure(FailureKind.SERVER, RecordError("UNEXPECTED_ANSWER", "the CRM's answer is not a lead"))


def told(answer: Answer) -> Any:
    """The document of an answer to a question. Raises CrmFailure: nothing at all is no answer, whatever the status."""
    if not answer.content:
        message = "the CRM's answer is empty"
        raise CrmFailure(FailureKind.SERVER, RecordError("EMPTY_ANSWER", message, status=answer.status))
    return answer.json()


def _error(answer: Answer, errors: Errors) -> RecordError:
    """The CRM's own words: where the configuration says, else ``{"error": {"code", "message", "field"}}`` or alike."""
    status, document = answer.status, document_of(answer)
    if document is None and answer.content:
        document = _plain_text(answer)
        if document is None and status not in (401, 403, 429):
            return not_json(answer)
    body = (document.get("error") or document.get("errors") or document) if isinstance(document, dict) else document
    if isinstance(body, list) and body:
        body = body[0]
    if not isinstance(body, dict):
        body = {"message": body} if body else {}
    code = _told(document, errors.code_path, body.get("code"))
    message = _told(document, errors.message_path, body.get("message"))
    field = _told(document, errors.field_path, body.get("field"))
    return RecordError(
        code=storable(str(code or ""))[:MAX_CODE] or f"HTTP_{status}",
        message=storable(str(message or ""))[:MAX_MESSAGE] or f"the CRM answered {status}",
        field=storable(str(field or ""))[:MAX_CODE] or None,
        status=status,
    )


def _plain_text(answer: Answer) -> str | None:
    """Some CRMs word their refusals without JSON."""
    if is_page(answer) or answer.content.lstrip()[:1] in (b"{", b"["):
        return None
    text = answer.content[: 4 * MAX_MESSAGE].decode("utf-8", "replace").strip()
    return text if "\N{REPLACEMENT CHARACTER}" not in text[:-1] and text != "null" else None


def _told(document: Any, path: str | None, usual: Any) -> Any:
    value = at(document, path) if path else MISSING
    return usual if value is MISSING else value
