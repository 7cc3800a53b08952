"""Arrays as PostgreSQL writes them: sent as one text (``$1::text::bigint[]``), at a quarter of the price of handing the
driver an array to encode element by element (0.25 instead of 0.93 µs for each row of a look-up by three columns).

Format: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO.
"""

from collections.abc import Iterable


def text_array(values: Iterable[str]) -> str:
    """A ``text[]``, or what each text can be cast to: ``{"a","b"}``. PostgreSQL refuses NUL in it, as in any text."""
    texts = list(values)
    if not texts:
        return "{}"
    joined = '","'.join(texts)
    if "\\" in joined or joined.count('"') != 2 * (len(texts) - 1):
        joined = '","'.join([text.replace("\\", "\\\\").replace('"', '\\"') for text in texts])
    return f'{{"{joined}"}}'


def number_array(values: Iterable[int | None]) -> str:
    """A ``bigint[]``: ``{1,NULL,3}``."""
    return f"{{{','.join(['NULL' if value is None else str(value) for value in values])}}}"
