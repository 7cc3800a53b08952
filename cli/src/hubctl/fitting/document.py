"""A configuration file, with the lines that its keys stand on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hubctl.problems import Problem


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says, and where."""

    config: dict[str, Any]
    lines: dict[str, int]  # dotted key → line, from 1

    def line(self, key: str) -> int | None:
        """The line of a key, else of the nearest one around it."""
        parts = key.split(".")
        while parts:
            if (found := self.lines.get(".".join(parts))) is not None:
                return found
            parts.pop()
        return None


def read_document(path: Path) -> Document:
    """YAML or JSON. Raises Problem naming the line."""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Problem(f"{path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise Problem(f"{path}{where}: {getattr(error, 'problem', None) or 'this is not YAML'}.") from error
    if not isinstance(config, dict):
        raise Problem(f"{path} holds no configuration: it should be names and values.")
    lines: dict[str, int] = {}
    _collect(node, "", lines)
    return Document(config, lines)


def _collect(node: Any, prefix: str, lines: dict[str, int]) -> None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    for key, value in pairs:
        name = f"{prefix}{key.value}"
        lines[name] = key.start_mark.line + 1
        _collect(value, f"{name}.", lines)
