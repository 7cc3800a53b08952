"""Leads to push to a HubSpot, and pushing them."""

from typing import Any

from hub.contracts.connector import CrmClient
from hub.contracts.pushing import PushItem, PushResult


def lead(number: int, **more: Any) -> dict[str, Any]:
    return {
        "first_name": f"Ana{number}",
        "last_name": "Reyes",
        "email": f"ana{number}@example.com",
        "phone": f"+1210555{number:04}",
        "status": "new",
        "lead_source": "Website",
        **more,
    }


async def pushed(client: CrmClient, items: list[PushItem]) -> list[PushResult]:
    results = await client.push(items)
    assert [result.error for result in results if not result.ok] == []
    return results
