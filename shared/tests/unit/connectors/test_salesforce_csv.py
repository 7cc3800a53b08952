"""Results of bulk jobs, which are CSV, or should be."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connectors.calls import Answer
from hub.connectors.salesforce.bulk import parsed_csv, written
from hub.contracts.failures import CrmFailure

CSV = b'"sf__Id","sf__Created","LastName"\n"00Q1","true","L ""1"", a\nb"\n"00Q2","false",""\n'


def parsed(content: bytes) -> list[dict[str, str]]:
    return parsed_csv(Answer(200, {}, content))


def test_a_result_is_read() -> None:
    assert parsed(CSV) == [
        {"sf__Id": "00Q1", "sf__Created": "true", "LastName": 'L "1", a\nb'},
        {"sf__Id": "00Q2", "sf__Created": "false", "LastName": ""},
    ]
    assert parsed(b"\xef\xbb\xbf" + CSV) == parsed(CSV)
    assert parsed(b"") == []


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text[:-14],
        lambda text: text.replace(b",", b"", 1),
        lambda text: text + b'"open',
        lambda text: text.replace(b'""\n', b'"",""\n'),
        lambda text: text.replace(b"LastName", b"\xff"),
        lambda text: b"<html>",
    ],
)
def test_a_broken_one_is_named(change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(CrmFailure) as caught:
        parsed(change(CSV))
    assert caught.value.error.code in ("UNEXPECTED_ANSWER", "HTML_ANSWER")
    assert caught.value.stored is None


@given(st.binary(max_size=80) | st.text('a,"\n\r\x00', max_size=40).map(str.encode))
def test_any_bytes_are_read_or_named(content: bytes) -> None:
    try:
        rows = parsed(content)
    except CrmFailure:
        return
    assert all(isinstance(name, str) and isinstance(value, str) for row in rows for name, value in row.items())


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('\n",#'), min_size=1, max_size=20)


@given(st.lists(st.fixed_dictionaries({"a": TEXT, "b": TEXT}), max_size=5))
def test_what_is_written_can_be_read(records: list[dict[str, str]]) -> None:
    assert not records or parsed(written(records)) == records
