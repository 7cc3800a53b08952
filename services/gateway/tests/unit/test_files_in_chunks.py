"""CSV and NDJSON come in chunks that are cut anywhere; where must not matter."""

import csv
import io
import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.csv_rows import CsvReader, UnreadableFile
from gateway.domain.lines import MAX_LINE_BYTES
from gateway.domain.ndjson import NdjsonReader
from gateway.domain.problems import Code, Problem

CELLS = st.text(alphabet=st.sampled_from('ab ,;"\n\r\tü|'), max_size=8)
ROWS = st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=12)


def read(reader: Any, content: bytes, cuts: list[int] | None = None) -> list[tuple[int, Any]]:
    """All rows of a content that is cut at those places."""
    places = [0, *sorted(min(cut, len(content)) for cut in cuts or []), len(content)]
    rows = [row for start, end in pairwise(places) for row in reader.feed(content[start:end])]
    return [*rows, *reader.finish()]


def problems(rows: list[tuple[int, Any]]) -> list[tuple[int, Code]]:
    return [(number, row.code) for number, row in rows if isinstance(row, Problem)]


@given(ROWS, st.sampled_from(",;\t|"), st.sampled_from(["\n", "\r\n"]), st.lists(st.integers(0, 400), max_size=8))
def test_csv_that_python_writes_is_read_back(
    rows: list[list[str]], delimiter: str, line_end: str, cuts: list[int]
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=csv.QUOTE_ALL)
    writer.writerow(["Email", "First Name", "Colour"])
    writer.writerows(rows)
    found = read(CsvReader(), text.getvalue().encode(), cuts)
    expected = []
    for email, first, colour in rows:
        cells = [cell.replace("\r\n", "\n") for cell in (email, first, colour)]
        record: dict[str, Any] = {
            name: cell for name, cell in zip(("email", "first_name"), cells[:2], strict=True) if cell
        }
        if cells[2]:
            record["custom_fields"] = {"Colour": cells[2]}
        if record:
            expected.append(record)
    assert [record for _, record in found] == expected


@given(st.binary(max_size=300), st.lists(st.integers(0, 320), max_size=8))
def test_where_csv_is_cut_does_not_matter(content: bytes, cuts: list[int]) -> None:
    def outcome(places: list[int]) -> Any:
        try:
            return read(CsvReader(), b"email;x\n" + content, places)
        except UnreadableFile as error:
            return error.problem

    assert outcome(cuts) == outcome([])


@given(st.binary(max_size=300), st.lists(st.integers(0, 320), max_size=8))
def test_where_ndjson_is_cut_does_not_matter(content: bytes, cuts: list[int]) -> None:
    assert read(NdjsonReader(), content, cuts) == read(NdjsonReader(), content)


@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=9) | st.integers(-9, 9), max_size=4), max_size=9))
def test_ndjson_is_read_back(records: list[dict[str, Any]]) -> None:
    content = "\r\n\n".join(json.dumps(record, ensure_ascii=False) for record in records)
    try:
        encoded = content.encode()
    except UnicodeEncodeError:
        return
    assert [record for _, record in read(NdjsonReader(), encoded)] == records


def test_a_quote_that_is_never_closed_costs_its_line_only() -> None:
    content = b'email,first_name\na@x.de,"A\nb@x.de,B\n"c@x.de","C"\nd@x.de,D\n'
    rows = read(CsvReader(), content)
    assert problems(rows) == [(2, Code.BROKEN_QUOTES)]
    assert [record["email"] for _, record in rows if isinstance(record, dict)] == ["b@x.de", "c@x.de", "d@x.de"]


def test_a_quote_that_is_open_at_the_end_costs_its_line_only() -> None:
    rows = read(CsvReader(), b'email,first_name\na@x.de,"A\nb@x.de,B\nc@x.de,C')
    assert problems(rows) == [(2, Code.BROKEN_QUOTES)]
    assert [number for number, record in rows if isinstance(record, dict)] == [3, 4]


def test_bytes_that_are_not_utf8_cost_their_line_only() -> None:
    lines = [b"email,first_name"] + [b"a%d@x.de,A" % number for number in range(60_000)]
    lines[50_000] = b"\xff\xfe,A"
    rows = read(CsvReader(), b"\n".join(lines), list(range(0, 900_000, 1000)))
    assert problems(rows) == [(50_001, Code.INVALID_UTF8)]
    assert len(rows) == 60_000


def test_an_endless_line_is_one_problem() -> None:
    content = b"email,first_name\na@x.de,A\n" + b"x" * (3 * MAX_LINE_BYTES) + b"\nb@x.de,B\n"
    rows = read(CsvReader(), content, list(range(0, len(content), 65_536)))
    assert problems(rows) == [(3, Code.LINE_TOO_LONG)]
    assert [number for number, _ in rows] == [2, 3, 4]


def test_a_quoted_cell_that_is_too_long_costs_its_line_only() -> None:
    content = b'email,notes\na@x.de,"' + b"x\n" * MAX_LINE_BYTES + b"b@x.de,B\n"
    rows = read(CsvReader(), content, list(range(0, len(content), 65_536)))
    assert rows[0] == (2, Problem(Code.BROKEN_QUOTES, "The line's quotes do not match"))
    assert rows[-1][1] == {"email": "b@x.de", "notes": "B"}


def test_quotes_made_to_be_read_again_and_again_end_the_import() -> None:
    # Each line opens a quote whether or not the one before is still open.
    content = b"email,notes\n" + b'a","b\n' * 120_000
    with pytest.raises(UnreadableFile, match="Too many quotes"):
        read(CsvReader(), content, list(range(0, len(content), 65_536)))


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (b"", Code.MISSING_COLUMNS),
        (b"\n\n", Code.MISSING_COLUMNS),
        (b"colour,size\n", Code.MISSING_COLUMNS),
        (b"email,x,x\n", Code.DUPLICATE_COLUMN),
        (b'email,"x\n1,2\n', Code.BROKEN_QUOTES),
        (b"\xff\xfee\x00m\x00a\x00i\x00l\x00", Code.INVALID_UTF8),
        (b"email,\xff\n", Code.INVALID_UTF8),
        (b"email," + b"x" * 101 + b"\n", Code.TOO_LONG),
        (b"email" + b",x" * 400 + b"\n", Code.TOO_MANY),
    ],
)
def test_a_header_that_cannot_be_used_refuses_the_file(header: bytes, code: Code) -> None:
    with pytest.raises(UnreadableFile) as error:
        read(CsvReader(), header)
    assert error.value.problem.code == code


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("First Name", "first_name"),
        ("firstName", "first_name"),
        ("FIRST_NAME", "first_name"),
        ("E-Mail", "email"),
        ("Telefon", "phone"),
        ("Straße", "address"),
        ("PLZ", "postal_code"),
        ("External ID", "external_id"),
        ("Owner Id", "agent_id"),
    ],
)
def test_columns_are_known_by_many_names(header: str, expected: str) -> None:
    rows = read(CsvReader(), f"{header},Company\nvalue,c\n".encode())
    assert rows == [(2, {expected: "value", "company": "c"})]


def test_a_second_phone_column_keeps_its_own_name() -> None:
    rows = read(CsvReader(), b"phone;Mobile;e-mail\n1;2;3\n")
    assert rows == [(2, {"phone": "1", "email": "3", "custom_fields": {"Mobile": "2"}})]
