"""Custom fields of one kind of record: their keys by name, and their values both ways. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from hub.connectors.pipedrive.wire import RESERVED, folded_name, is_key
from hub.contracts.pulling import FieldSpec

JOIN = "; "  # between the labels of a choice of several
_TRUTHS = {"true": True, "false": False}
_TEXTS = frozenset({"varchar", "text", "varchar_auto", "phone", "varchar_options"})
_PARTED = frozenset({"address", "time", "monetary"})
_RANGES = frozenset({"daterange", "timerange"})
_NUMBERS = frozenset({"double", "int"})
_REFERENCES = ("org", "people", "user", "deal", "lead")
_TYPES = {
    "date": "date", "enum": "choice", "set": "choices", "monetary": "number", "boolean": "boolean",
    **dict.fromkeys(_REFERENCES, "reference"),
}  # fmt: skip


class Unfit(Exception):
    """A value that the field cannot hold."""


class NoOption(Unfit):
    """A choice that the field does not have: ``labels``."""

    def __init__(self, labels: list[str]) -> None:
        self.labels = labels
        super().__init__(f"the field has no option {', '.join(labels)}")


@dataclass(frozen=True, slots=True)
class CustomField:
    """One custom field; ``name`` is its flat name."""

    key: str
    name: str
    label: str
    type: str
    options: Mapping[int, str] = field(default_factory=dict)

    def option(self, label: str) -> int | None:
        """The id of an option."""
        wanted = label.strip().casefold()
        return next((number for number, each in self.options.items() if each.strip().casefold() == wanted), None)

    @property
    def is_truth(self) -> bool:
        """A choice of true and false: what the hub makes for truths, for Pipedrive's API makes no boolean fields."""
        return {each.strip().casefold() for each in self.options.values()} == set(_TRUTHS)

    def decoded(self, value: Any) -> Any:
        """As a register can hold it: a scalar."""
        if value is None:
            return None
        if self.type == "enum":
            label = self._label(value)
            return _TRUTHS.get(label.strip().casefold(), label) if self.is_truth else label
        if self.type == "set" and isinstance(value, list):
            return JOIN.join(self._label(each) for each in value)
        if isinstance(value, dict):
            if self.type in _RANGES:
                return f"{value.get('value') or ''}/{value.get('until') or ''}"
            return value.get("value", value.get("id"))
        return value

    def _label(self, value: Any) -> str:
        return self.options.get(value, str(value)) if isinstance(value, int) else str(value)

    def encoded(self, value: Any, current: Any, currency: str) -> Any:
        """As API v2 wants it; ``current`` is what the record holds there. Raises Unfit."""
        if value is None or value == "":
            return None
        if self.type in _TEXTS:
            return _text(value)
        if self.type == "enum":
            return self._choices([_text(value)])[0]
        if self.type == "set":
            text = _text(value)
            whole = self.option(text)
            return [whole] if whole is not None else self._choices([each for each in text.split(";") if each.strip()])
        if self.type == "date":
            return _date(value)
        if self.type == "boolean":
            return _truth(value)
        if self.type in _NUMBERS or _TYPES.get(self.type) == "reference":
            return _number(value, whole=self.type != "double")
        return self._parts(value, current, currency)

    def _choices(self, labels: list[str]) -> list[int]:
        found = {label: self.option(label) for label in labels}
        missing = [label.strip() for label, number in found.items() if number is None]
        if missing:
            raise NoOption(missing)
        return [number for number in found.values() if number is not None]

    def _parts(self, value: Any, current: Any, currency: str) -> Any:
        if self.type == "monetary":
            kept = current.get("currency") if isinstance(current, dict) else None
            return {"value": _number(value, whole=False), "currency": kept or currency}
        if self.type in _RANGES:
            start, _, until = _text(value).partition("/")
            if not start or not until:
                raise Unfit("must be two values with a slash between them")
            return {"value": start, "until": until}
        return {"value": _text(value)} if self.type in _PARTED else value


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All custom fields of a kind."""

    by_name: Mapping[str, CustomField]
    by_key: Mapping[str, CustomField]

    def flat(self, custom: Any) -> dict[str, Any]:
        """Values by flat name."""
        known = custom.items() if isinstance(custom, dict) else ()
        return {self.by_key[key].name: self.by_key[key].decoded(value) for key, value in known if key in self.by_key}

    def strange(self, custom: Any) -> bool:
        """Whether there are fields or options that were made since the catalogue was read."""
        for key, value in custom.items() if isinstance(custom, dict) else ():
            known = self.by_key.get(key)
            if known is None and is_key(key):
                return True
            if known is None or known.type not in ("enum", "set") or value is None:
                continue
            chosen = value if isinstance(value, list) else [value]
            if any(isinstance(each, int) and each not in known.options for each in chosen):
                return True
        return False

    def specs(self) -> list[FieldSpec]:
        """For describe."""
        return [
            FieldSpec(
                each.name, each.label, _type(each), writable=True, custom=True,
                choices=tuple(each.options.values()), restricted=bool(each.options),
            )
            for each in self.by_name.values()
        ]  # fmt: skip


def catalogue(rows: Iterable[Any], spelled: Mapping[str, str]) -> Catalogue:
    """From the rows of a fields list; ``spelled`` says how the configuration writes (folded) names, or keys."""
    by_name: dict[str, CustomField] = {}
    by_key: dict[str, CustomField] = {}
    for row in rows:
        key, label = (row.get("field_code"), row.get("field_name")) if isinstance(row, dict) else (None, None)
        if not isinstance(key, str) or not isinstance(label, str) or not is_key(key):
            continue
        name = spelled.get(key) or spelled.get(folded_name(label)) or label
        if name in RESERVED or name in by_name or not name.strip():
            name = key  # its name means something else already
        told = row.get("options")
        options = {
            each["id"]: str(each.get("label"))
            for each in (told if isinstance(told, list) else ())
            if isinstance(each, dict) and isinstance(each.get("id"), int)
        }
        by_key[key] = by_name[name] = CustomField(key, name, label, str(row.get("field_type")), options)
    return Catalogue(by_name, by_key)


def field_wish(name: str, sample: Any, choices: tuple[str, ...], *, long: bool) -> dict[str, Any]:
    """The request for a new field that holds such values."""
    if choices:
        return {"field_name": name, "field_type": "enum", "options": [{"label": each} for each in choices]}
    if isinstance(sample, bool):
        return {"field_name": name, "field_type": "enum", "options": [{"label": each} for each in _TRUTHS]}
    if isinstance(sample, int | float):
        return {"field_name": name, "field_type": "double"}
    return {"field_name": name, "field_type": "text" if long or len(str(sample)) > 100 else "varchar"}


def _type(each: CustomField) -> str:
    if each.is_truth:
        return "boolean"
    return "number" if each.type in _NUMBERS else _TYPES.get(each.type, "text")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _truth(value: Any) -> bool:
    found = value if isinstance(value, bool) else _TRUTHS.get(str(value).strip().casefold())
    if found is None:
        raise Unfit("must be true or false")
    return found


def _date(value: Any) -> str:
    try:
        return date.fromisoformat(_text(value)[:10]).isoformat()
    except ValueError:
        raise Unfit("must be a date, YYYY-MM-DD") from None


def _number(value: Any, *, whole: bool) -> int | float:
    try:
        number = float(value) if not isinstance(value, bool) else None
    except (TypeError, ValueError):
        number = None
    if number is None or number != number or abs(number) == float("inf") or (whole and number != int(number)):
        raise Unfit("must be a whole number" if whole else "must be a number")
    return value if isinstance(value, int) else int(number) if number == int(number) and abs(number) < 2**53 else number
