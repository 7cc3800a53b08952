"""Documents with a value in them that has no business there."""

import random
from typing import Any

WORTHLESS: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**70,
    1.5,
    "",
    "x",
    "\x00",
    "\ud83d",
    [],
    {},
    [1],
    [None],
    {"a": {}},
    "9" * 400,
)


def spoiled(document: Any, dice: random.Random) -> Any:
    """The document with one value, somewhere in it, exchanged for a worthless one."""
    if isinstance(document, dict) and document and dice.random() < 0.93:
        name = dice.choice(list(document))
        if dice.random() < 0.05:
            return {each: value for each, value in document.items() if each != name}
        return {**document, name: spoiled(document[name], dice)}
    if isinstance(document, list) and document and dice.random() < 0.93:
        place = dice.randrange(len(document))
        return [*document[:place], spoiled(document[place], dice), *document[place + 1 :]]
    return dice.choice(WORTHLESS)
