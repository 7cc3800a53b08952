"""The sample file is what its rule says, and as messy as it claims."""

import csv
import io
from collections import Counter

from hubctl.demo.samples import FILE, HEADINGS, ROWS, document


def test_the_committed_file_is_the_generated_one() -> None:
    assert FILE.read_bytes().decode("utf-8") == document()


def test_it_has_the_mess_of_real_exports() -> None:
    records = list(csv.reader(io.StringIO(document().lstrip("\ufeff"))))[1:]
    assert len(records) == ROWS
    emails = Counter(record[3].strip().lower() for record in records if "@" in record[3])
    assert sum(count > 1 for count in emails.values()) > 50, "duplicates"
    text = "\n".join(",".join(record) for record in records)
    assert not text.isascii()
    assert any("\n" in field for record in records for field in record), "line breaks in fields"
    assert any(len(record) != len(HEADINGS) for record in records), "rows with too many columns"
    assert any(record[1].isupper() for record in records)
    assert sum(not record[4] for record in records) > 20, "empty fields"
