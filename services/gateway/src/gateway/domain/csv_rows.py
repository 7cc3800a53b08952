"""CSV (RFC 4180, any of four delimiters) in chunks: quoted newlines, and a bad line costs only itself.

Python's csv module reads lines of text and cannot step back: one quote that is never closed would swallow the rest of
a file, and one byte that is not UTF-8 would end it. So the records are cut out here, as bytes, and csv only splits
those with quotes into cells.
"""

import csv
from collections import deque
from enum import Enum, auto

from gateway.domain.csv_header import Header, read_header, sniff_delimiter
from gateway.domain.lines import MAX_LINE_BYTES, LineSplitter
from gateway.domain.ndjson import Rows
from gateway.domain.problems import Code, Problem

_BOM = b"\xef\xbb\xbf"
_WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff")
# How much may be read again because of broken quotes: so much, and so many times the file up to there.
_RESCAN_BYTES, _RESCAN_TIMES = 1024 * 1024, 4
_QUOTE = 34


class UnreadableFile(Exception):
    """The file as a whole cannot be read; ``problem`` says why."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.message)


class _Quotes(Enum):
    CLOSED = auto()
    OPEN = auto()
    BROKEN = auto()


def scan_quotes(line: bytes, delimiter: int, inside: bool) -> _Quotes:
    """Where a physical line leaves us: between records, within a quoted cell, or in a contradiction.

    A quote opens a cell only at the cell's start; after the closing quote comes the delimiter or the line's end.
    """
    at, length = 0, len(line)
    while True:
        if not inside:
            if at < length and line[at] == _QUOTE:
                inside, at = True, at + 1
                continue
            following = line.find(delimiter, at)
            if following < 0:
                return _Quotes.CLOSED
            at = following + 1
            continue
        closing = line.find(_QUOTE, at)
        if closing < 0:
            return _Quotes.OPEN
        if closing + 1 == length:
            return _Quotes.CLOSED
        if line[closing + 1] == _QUOTE:
            at = closing + 2
        elif line[closing + 1] == delimiter:
            inside, at = False, closing + 2
        else:
            return _Quotes.BROKEN


class CsvReader:
    """Feed chunks, get (line number of the record's start, record or Problem). Raises UnreadableFile."""

    def __init__(self) -> None:
        self._lines = LineSplitter()
        self._header: Header | None = None
        self._delimiter = ","
        self._open: list[tuple[int, bytes]] = []  # the lines of a record whose quotes are still open
        self._open_bytes = 0
        self._work: deque[tuple[int, bytes | None]] = deque()
        self._fed = self._rescanned = 0  # bytes

    def feed(self, chunk: bytes) -> Rows:
        """The records that this chunk completes."""
        rows: Rows = []
        self._fed += len(chunk)
        self._work.extend(self._lines.feed(chunk))
        self._read(rows)
        return rows

    def finish(self) -> Rows:
        """What is left at the end of the file."""
        rows: Rows = []
        self._work.extend(self._lines.finish())
        self._read(rows)
        while self._open:
            self._give_up_first_line(rows)
            self._read(rows)
        if self._header is None:
            raise UnreadableFile(Problem(Code.MISSING_COLUMNS, "The file is empty: its first line names the columns"))
        return rows

    def _read(self, rows: Rows) -> None:
        while self._work:
            number, line = self._work.popleft()
            if line is not None:
                self._line(number, line.removesuffix(b"\r"), rows)
            elif self._open:
                self._work.appendleft((number, line))
                self._give_up_first_line(rows)
            else:
                rows.append((number, Problem(Code.LINE_TOO_LONG, "The line is too long")))

    def _line(self, number: int, line: bytes, rows: Rows) -> None:
        if self._header is None and not self._open:
            if number == 1:
                line = self._without_bom(line)
            self._delimiter = sniff_delimiter(line.decode(errors="replace"))
        if not self._open and b'"' not in line:
            self._record(number, line, rows)
            return
        self._open.append((number, line))
        self._open_bytes += len(line) + 1
        quotes = _Quotes.OPEN
        if b'"' in line:
            quotes = scan_quotes(line, ord(self._delimiter), inside=len(self._open) > 1)
        if quotes is _Quotes.CLOSED:
            self._record(self._open[0][0], b"\n".join(part for _, part in self._open), rows)
            self._forget_open()
        elif quotes is _Quotes.BROKEN or self._open_bytes > MAX_LINE_BYTES:
            self._give_up_first_line(rows)

    def _give_up_first_line(self, rows: Rows) -> None:
        # The record's first line opened a quote that nothing closes properly: only that line is lost.
        (number, _), *others = self._open
        if self._header is None:
            raise UnreadableFile(Problem(Code.BROKEN_QUOTES, "The header's quotes do not match"))
        self._rescanned += self._open_bytes
        if self._rescanned > _RESCAN_BYTES + _RESCAN_TIMES * self._fed:
            raise UnreadableFile(
                Problem(Code.BROKEN_QUOTES, f"Too many quotes do not match, the last on line {number}")
            )
        self._forget_open()
        rows.append((number, Problem(Code.BROKEN_QUOTES, "The line's quotes do not match")))
        self._work.extendleft(reversed(others))  # the others are read again, as lines of their own

    def _forget_open(self) -> None:
        self._open = []
        self._open_bytes = 0

    def _record(self, number: int, raw: bytes, rows: Rows) -> None:
        if not raw or raw.isspace():
            return
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            if self._header is None:
                raise UnreadableFile(Problem(Code.INVALID_UTF8, "The header is not UTF-8")) from None
            line = number + raw.count(b"\n", 0, error.start)
            rows.append((number, Problem(Code.INVALID_UTF8, f"Not UTF-8 (line {line}, byte {error.start + 1})")))
            return
        if self._header is None:
            self._start(text)
            return
        cells = self._cells(text)
        if cells is None:
            rows.append((number, Problem(Code.BROKEN_QUOTES, "The line's quotes do not match")))
        elif len(cells) == self._header.width:
            if any(cells):
                rows.append((number, self._header.record(cells)))
        else:
            message = f"{len(cells)} columns instead of {self._header.width}"
            rows.append((number, Problem(Code.WRONG_COLUMN_COUNT, message)))

    def _cells(self, text: str) -> list[str] | None:
        if '"' not in text:
            return text.split(self._delimiter)
        try:
            return next(csv.reader([text], delimiter=self._delimiter, strict=True))
        except (csv.Error, StopIteration):
            return None

    def _start(self, text: str) -> None:
        header = read_header(text, self._delimiter)
        if isinstance(header, Problem):
            raise UnreadableFile(header)
        self._header = header

    def _without_bom(self, line: bytes) -> bytes:
        if line.startswith(_WIDE_BOMS):
            raise UnreadableFile(Problem(Code.INVALID_UTF8, "The file is UTF-16; save it as UTF-8"))
        return line.removeprefix(_BOM)
