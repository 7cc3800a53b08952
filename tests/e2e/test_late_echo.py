"""A CRM that tells of the hub's own writes: an echo that comes late must not undo what the hub has learnt since."""

import asyncio

from hubctl.session import bus, database
from hubctl.trial.crm import CrmControl, SimulatedCrm
from hubctl.trial.quiet import until_quiet
from hubctl.trial.tenant import Tenant, target_of

_UNDONE = "SELECT count(*) FROM leads.history WHERE account_id = $1 AND source LIKE 'crm/%'"
_WRONG = "SELECT count(*) FROM leads.lead WHERE account_id = $1 AND fields ->> 'notes' <> 'last'"


async def test_late_echoes_undo_nothing(agency: Tenant, crm: SimulatedCrm, people: CrmControl) -> None:
    connection_id = await agency.connect(crm)
    await people.point_webhooks(agency.webhook_url(connection_id), agency.webhook_secret)
    leads = [{"external_id": f"S-{n}", "first_name": f"N{n}", "email": f"n{n}@example.com"} for n in range(300)]
    for notes in ("one", "two", "three", "four", "five", "six", "seven", "last"):
        await agency.import_leads([lead | {"notes": notes} for lead in leads])
        await asyncio.sleep(0.25)

    async def told_everything() -> bool:
        return bool((await people.counters())["webhooks"]["pending"] == 0)

    target = target_of(agency.hub)
    async with database(target) as pool, bus(target) as line:
        assert await until_quiet(pool, line, 60, told_everything)
        undone = await pool.fetchval(_UNDONE, agency.account_id)
        wrong = await pool.fetchval(_WRONG, agency.account_id)
    assert (undone, wrong) == (0, 0), (await people.counters())["requests"]
    assert {record.get("notes") for record in await people.leads()} == {"last"}
