"""On which line of a JSON text a member stands, so that a mistake in a long configuration is found at once. Pure."""

import re

import orjson

_PART = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|\n')
LONGEST_TEXT = 200_000  # characters; nobody counts lines in more


def line_of(text: str, path: str) -> int | None:
    """The line (from 1) of the member at a dotted path, else of the nearest one around it; None: there is none.

    The text must be JSON: it was read before.
    """
    wanted = path.split(".")
    depth = 0
    found: int | None = None
    for key_path, line in _members(text):
        agreeing = len(key_path) if key_path == wanted[: len(key_path)] else 0
        if agreeing > depth:
            depth, found = agreeing, line
    return found


def _members(text: str) -> list[tuple[list[str], int]]:
    """(path, line) of every member of every object; an array's elements count by their index."""
    found: list[tuple[list[str], int]] = []
    path: list[str] = []  # of the value that is being read
    outer: list[tuple[int, bool]] = []  # by open bracket: length of the path outside, and whether it is an array
    line, last, last_line = 1, "", 1
    for match in _PART.finditer(text[:LONGEST_TEXT]):
        part = match[0]
        if part == "\n":
            line += 1
        elif part[0] == '"':
            last, last_line = part, line
        elif part == ":":
            path.append(orjson.loads(last))
            found.append((list(path), last_line))
        elif part in "{[":
            outer.append((len(path), part == "["))
            if part == "[":
                path.append("0")
        elif part in "}]":
            del path[outer.pop()[0] :]
        elif outer[-1][1]:
            path[-1] = str(int(path[-1]) + 1)  # the next element
        else:
            path.pop()
    return found
