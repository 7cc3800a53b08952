"""On which line a member of a JSON text stands."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.json_lines import line_of

TEXT = """{
 "name": "x",
 "config": {
  "a": {}, "b": [],
  "list": [1, {"k": "a:b,{}"},
   {"k":
    3}],
  "end\\"points": {
   "update_lead": "/leads"
  },
  "base_url": ""
 }
}"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("name", 2),
        ("config", 3),
        ("config.a", 4),
        ("config.b", 4),
        ("config.list.1.k", 5),
        ("config.list.2.k", 6),
        ('config.end"points.update_lead', 9),
        ("config.base_url", 11),
        ("config.base_url.deeper", 11),
        ("config.not_there", 3),
        ("nothing", None),
    ],
)
def test_the_line_of_a_member(path: str, line: int | None) -> None:
    assert line_of(TEXT, path) == line


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(st.characters(codec="utf-8", exclude_characters=".\n"), max_size=5), JSON, max_size=4))
def test_any_json_is_read_and_its_members_found(document: dict[str, object]) -> None:
    text = json.dumps(document, indent=1)
    for name in document:
        line = line_of(text, name)
        assert line is not None
        assert text.split("\n")[line - 1].startswith(f" {json.dumps(name)}:")
