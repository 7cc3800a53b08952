"""Whether a lead is in Salesforce already: by the hub's reference, else by e-mail."""

from collections.abc import Iterable

from hub.connectors.salesforce import soql
from hub.connectors.salesforce.api import Api
from hub.connectors.salesforce.fields import LeadObject


async def by_reference(api: Api, lead: LeadObject, reference: str) -> str | None:
    """The record that bears the hub's reference. Raises CrmFailure."""
    if not lead.reference:
        return None
    condition = f"{lead.reference} = {soql.text(reference)}"
    rows, _ = await api.query(f"SELECT Id FROM {api.config.objects.lead} WHERE {condition} LIMIT 1")  # noqa: S608 - quoted
    return str(rows[0]["Id"]) if rows else None


async def by_email(api: Api, lead: LeadObject, emails: Iterable[str | None]) -> dict[str, str]:
    """E-mail in lower case → the only record with it that is not another of the hub's leads. Raises CrmFailure."""
    wanted = sorted({email.casefold() for email in emails if email})
    if not wanted:
        return {}
    fields = ["Id", "Email", *([lead.reference] if lead.reference else [])]
    conditions = [f"Email IN {soql.texts(wanted)}"]
    if lead.get("IsConverted"):
        conditions.append("IsConverted = false")  # a converted lead cannot be edited any more
    where = " AND ".join(conditions)
    rows, _ = await api.query(f"SELECT {','.join(fields)} FROM {api.config.objects.lead} WHERE {where}")  # noqa: S608 - quoted
    candidates: dict[str, list[str]] = {}
    for row in rows:
        if not (lead.reference and row.get(lead.reference)):
            candidates.setdefault(str(row.get("Email")).casefold(), []).append(str(row["Id"]))
    return {email: ids[0] for email, ids in candidates.items() if len(ids) == 1}
