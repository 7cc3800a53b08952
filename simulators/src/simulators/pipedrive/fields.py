"""The fields that records have: Pipedrive's own, and the company's custom ones under 40-digit keys."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from simulators.pipedrive.errors import invalid, missing

Field = dict[str, Any]
CUSTOM_TYPES = (
    "varchar", "text", "double", "phone", "date", "daterange", "time", "timerange", "set", "enum", "varchar_auto",
    "address", "monetary", "org", "people", "user",
)  # fmt: skip
SYSTEM = {
    "person": (
        ("id", "ID", "int"), ("name", "Name", "varchar"), ("first_name", "First name", "varchar"),
        ("last_name", "Last name", "varchar"), ("emails", "Email", "varchar_options"),
        ("phones", "Phone", "varchar_options"), ("owner_id", "Owner", "user"), ("org_id", "Organization", "org"),
        ("label_ids", "Labels", "set"), ("visible_to", "Visible to", "visible_to"),
        ("add_time", "Person created", "date"), ("update_time", "Update time", "date"),
    ),
    "deal": (
        ("id", "ID", "int"), ("title", "Title", "varchar"), ("value", "Value", "monetary"),
        ("currency", "Currency", "varchar"), ("owner_id", "Owner", "user"), ("person_id", "Contact person", "people"),
        ("org_id", "Organization", "org"), ("pipeline_id", "Pipeline", "double"), ("stage_id", "Stage", "stage"),
        ("status", "Status", "status"), ("probability", "Probability", "int"),
        ("lost_reason", "Lost reason", "varchar"), ("label_ids", "Labels", "set"),
        ("expected_close_date", "Expected close date", "date"),
        ("visible_to", "Visible to", "visible_to"), ("add_time", "Deal created", "date"),
        ("update_time", "Update time", "date"),
    ),
    "organization": (
        ("id", "ID", "int"), ("name", "Name", "varchar"), ("owner_id", "Owner", "user"),
        ("address", "Address", "address"), ("label_ids", "Labels", "set"), ("visible_to", "Visible to", "visible_to"),
        ("add_time", "Organization created", "date"), ("update_time", "Update time", "date"),
    ),
}  # fmt: skip
CUSTOM: dict[str, tuple[tuple[str, str, tuple[str, ...]], ...]] = {
    "person": (
        ("Lead Source", "enum", ("Website", "Referral", "Fair", "Advertisement")),
        ("Lead Status", "enum", ("New", "Contacted", "Qualified", "Enrolled", "Lost")),
        ("Member Type", "varchar", ()),
        ("Interests", "set", ("Medical", "Dental", "Vision", "Life")),
        ("Date of Birth", "date", ()),
        ("Home Address", "address", ()),
        ("Monthly Premium", "monetary", ()),
        ("Notes", "text", ()),
    ),
    "deal": (
        ("Lead Source", "enum", ("Website", "Referral", "Fair", "Advertisement")),
        ("Plan", "varchar", ()),
        ("Coverage", "set", ("Self", "Spouse", "Children")),
        ("Premium", "monetary", ()),
        ("Effective Date", "date", ()),
    ),
    "organization": (("Segment", "enum", ("Small", "Medium", "Large")),),
}


class Fields:
    """The fields of one kind of record, by code."""

    def __init__(self, kind: str, seed: int) -> None:
        self._kind, self._seed = kind, seed
        self._made = 0
        self._next_option = {"person": 1, "deal": 101, "organization": 201}[kind]
        self.by_code: dict[str, Field] = {}
        for code, name, type_ in SYSTEM[kind]:
            self.by_code[code] = _field(code, name, type_, None, custom=False)
        for name, type_, labels in CUSTOM[kind]:
            self.add({"field_name": name, "field_type": type_, "options": [{"label": each} for each in labels]})

    @property
    def custom(self) -> Mapping[str, Field]:
        """The custom ones, by key."""
        return {code: field for code, field in self.by_code.items() if field["is_custom_field"]}

    def key_of(self, name: str) -> str | None:
        """The key of a custom field by its name (or key)."""
        if name in self.by_code:
            return name
        return next((code for code, field in self.custom.items() if field["field_name"] == name), None)

    def add(self, wish: Mapping[str, Any]) -> Field:
        """A new custom field. Raises Refused."""
        name, type_ = wish.get("field_name"), wish.get("field_type")
        if not isinstance(name, str) or not name.strip():
            raise invalid("field_name: Required")
        if type_ not in CUSTOM_TYPES:
            raise invalid(f"field_type: must be one of {', '.join(CUSTOM_TYPES)}")
        options = None
        if type_ in ("enum", "set"):
            options = self._options(wish.get("options") or [])
            if not options:
                raise invalid("options: Required for enum and set fields")
        self._made += 1
        text = f"{self._seed}/{self._kind}/{self._made}/{name}"
        code = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        field = _field(code, name, type_, options, custom=True)
        self.by_code[code] = {**field, "description": wish.get("description")}
        return self.by_code[code]

    def get(self, code: str) -> Field:
        """A field. Raises Refused (404)."""
        if code not in self.by_code:
            raise missing("Field not found")
        return self.by_code[code]

    def change(self, code: str, wish: Mapping[str, Any]) -> Field:
        """Rename, describe. Raises Refused."""
        field = self.get(code)
        if "field_type" in wish:
            raise invalid("field_type: cannot be changed")
        allowed = ("field_name", "description", "ui_visibility", "important_fields", "required_fields")
        self.by_code[code] = {**field, **{name: wish[name] for name in allowed if name in wish}}
        return self.by_code[code]

    def remove(self, code: str) -> Field:
        """Delete a custom field. Raises Refused."""
        field = self.get(code)
        if not field["is_custom_field"]:
            raise invalid("only custom fields can be deleted")
        return self.by_code.pop(code)

    def add_options(self, code: str, wish: Any) -> list[dict[str, Any]]:
        """New options; the new ones. Raises Refused."""
        field = self._with_options(code)
        added = self._options(wish)
        self.by_code[code] = {**field, "options": [*field["options"], *added]}
        return added

    def change_options(self, code: str, wish: Any) -> list[dict[str, Any]]:
        """Rename options; all options. Raises Refused."""
        field = self._with_options(code)
        labels = {each["id"]: each["label"] for each in _objects(wish, "id", "label")}
        self._known(field, labels)
        renamed = [{**each, "label": labels.get(each["id"], each["label"])} for each in field["options"]]
        self.by_code[code] = {**field, "options": renamed}
        return renamed

    def remove_options(self, code: str, wish: Any) -> list[dict[str, Any]]:
        """Delete options; the deleted ones. Raises Refused."""
        field = self._with_options(code)
        gone = {each["id"] for each in _objects(wish, "id")}
        self._known(field, gone)
        kept = [each for each in field["options"] if each["id"] not in gone]
        self.by_code[code] = {**field, "options": kept}
        return [each for each in field["options"] if each["id"] in gone]

    def _options(self, wish: Any) -> list[dict[str, Any]]:
        made = []
        for each in _objects(wish, "label"):
            made.append({"id": self._next_option, "label": each["label"]})
            self._next_option += 1
        return made

    def _with_options(self, code: str) -> Field:
        field = self.get(code)
        if field["options"] is None:
            raise invalid("this field has no options")
        return field

    def _known(self, field: Field, ids: Any) -> None:
        unknown = set(ids) - {each["id"] for each in field["options"]}
        if unknown:
            raise invalid(f"no such option: {', '.join(map(str, sorted(unknown)))}")


def _field(code: str, name: str, type_: str, options: list[dict[str, Any]] | None, *, custom: bool) -> Field:
    return {
        "field_name": name,
        "field_code": code,
        "description": None,
        "field_type": type_,
        "options": options,
        "subfields": _subfields(type_),
        "is_custom_field": custom,
        "is_optional_response_field": False,
        "ui_visibility": {"add_visible_flag": False, "details_visible_flag": True},
        "important_fields": {"enabled": False, "stage_ids": []},
        "required_fields": {"enabled": False, "stage_ids": []},
    }


def _subfields(type_: str) -> list[dict[str, str]] | None:
    names: Sequence[str] = {
        "monetary": ("value", "currency"),
        "daterange": ("value", "until"),
        "timerange": ("value", "until", "timezone_id"),
        "time": ("value", "timezone_id"),
        "address": ("value", "country", "admin_area_level_1", "locality", "route", "street_number", "postal_code"),
    }.get(type_, ())
    return [{"field_code": each, "field_name": each, "field_type": "varchar"} for each in names] or None


def _objects(wish: Any, *names: str) -> list[dict[str, Any]]:
    if not isinstance(wish, list) or not all(isinstance(each, dict) and set(names) <= set(each) for each in wish):
        raise invalid(f"expected a list of objects with {', '.join(names)}")
    return wish
