"""What a company has beside its records: users, pipelines with their stages, labels of leads, sources of leads."""

import uuid
from typing import Any

from simulators.kit.people import person

_STAGES = (("Qualified", 10), ("Contact Made", 25), ("Demo Scheduled", 50), ("Proposal Made", 75), ("Negotiations", 90))
_ENROLLMENT = (("Application", 40), ("Underwriting", 60), ("Approved", 80), ("Enrolled", 100))
_START = "2024-01-02T09:00:00Z"
LEAD_SOURCES = ("Manually created", "Deal", "Web forms", "Prospector", "Leadbooster", "Live chat", "Import", "API")


def users(company_id: int, domain: str, count: int = 5) -> dict[int, dict[str, Any]]:
    """The people who work in this company; the first one owns the API token."""
    found: dict[int, dict[str, Any]] = {}
    for number in range(1, count + 1):
        someone = person(number, seed=company_id)
        found[number] = {
            "id": number, "name": someone.name, "default_currency": "USD", "locale": "en_US", "lang": 1,
            "email": f"agent{number}@{domain}.example.com", "phone": someone.phone, "activated": True,
            "last_login": "2026-01-05 08:00:00", "created": "2024-01-02 09:00:00", "modified": "2026-01-05 08:00:00",
            "has_created_company": number == 1, "access": [{"app": "sales", "admin": number == 1}],
            "active_flag": True, "timezone_name": "America/Chicago", "timezone_offset": "-06:00", "role_id": 1,
            "icon_url": None, "is_you": False, "is_deleted": False, "is_admin": int(number == 1),
        }  # fmt: skip
    return found


def pipelines() -> dict[int, dict[str, Any]]:
    """Two pipelines."""
    names = ("Pipeline", "Enrollment")
    return {
        number: {
            "id": number, "name": name, "order_nr": number, "is_deleted": False, "is_deal_probability_enabled": True,
            "add_time": _START, "update_time": _START,
        }
        for number, name in enumerate(names, 1)
    }  # fmt: skip


def stages() -> dict[int, dict[str, Any]]:
    """The pipelines' stages."""
    rows = [(1, *each) for each in _STAGES] + [(2, *each) for each in _ENROLLMENT]
    return {
        number: {
            "id": number, "order_nr": number, "name": name, "is_deleted": False, "deal_probability": probability,
            "pipeline_id": pipeline, "is_deal_rot_enabled": False, "days_to_rotten": None, "add_time": _START,
            "update_time": _START,
        }
        for number, (pipeline, name, probability) in enumerate(rows, 1)
    }  # fmt: skip


def lead_labels(company_id: int) -> dict[str, dict[str, Any]]:
    """Hot, warm, cold."""
    found = {}
    for name, color in (("Hot", "red"), ("Warm", "yellow"), ("Cold", "blue")):
        label_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{company_id}/{name}"))
        found[label_id] = {"id": label_id, "name": name, "color": color, "add_time": "2024-01-02T09:00:00.000Z",
                           "update_time": "2024-01-02T09:00:00.000Z"}  # fmt: skip
    return found
