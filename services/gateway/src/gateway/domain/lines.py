"""Lines out of chunks that may be cut anywhere, in bounded memory."""

MAX_LINE_BYTES = 256 * 1024


class LineSplitter:
    """Feed bytes, get numbered lines (from 1) without their ends; an over-long line comes as None."""

    def __init__(self, limit: int = MAX_LINE_BYTES) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._number = 0

    def feed(self, chunk: bytes) -> list[tuple[int, bytes | None]]:
        """The lines that this chunk completes."""
        head, *rest = chunk.split(b"\n")
        if not rest:
            self._keep(head)
            return []
        lines = [self._complete(head)]
        number = self._number
        for line in rest[:-1]:
            number += 1
            lines.append((number, line if len(line) <= self._limit else None))
        self._number = number
        self._keep(rest[-1])
        return lines

    def finish(self) -> list[tuple[int, bytes | None]]:
        """The last line, when it had no end."""
        return [self._complete(b"")] if self._size else []

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._limit:
            self._parts.clear()  # only its length matters now
        elif part:
            self._parts.append(part)

    def _complete(self, part: bytes) -> tuple[int, bytes | None]:
        self._keep(part)
        line = b"".join(self._parts) if self._size <= self._limit else None
        self._parts.clear()
        self._size = 0
        self._number += 1
        return self._number, line
