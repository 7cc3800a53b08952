"""The demonstration's account, key, CRM connection and subscription: made once, found again by later runs."""

import asyncpg

from hub.contracts.events import ENROLLMENT_COMPLETED, LEAD_CREATED, LEAD_UPDATED
from hub.store.admin import Admin
from hub.vault import Keyring, Vault
from hubctl.demo.stage import Remembered, Stage
from hubctl.provision import NewConnection, announce_connection, create_connection, create_key, create_subscription
from hubctl.session import Target, bus, database

ACCOUNT = "Demo Agency"
EVENTS = [kind.removeprefix("mpp.").removesuffix(".v1") for kind in (LEAD_CREATED, LEAD_UPDATED, ENROLLMENT_COMPLETED)]

# The design document's status table; the simulated CRM keeps what it is sent.
_STATUSES = {
    "new": "Open",
    "contacted": "Working",
    "qualified": "Qualified",
    "enrolled": "Closed Won",
    "lost": "Closed Lost",
}
_POINT = "UPDATE webhooks.subscription SET webhook_url = $2 WHERE id = $1"
_RECONNECT = """
    UPDATE control.connection SET config = jsonb_set(config, '{base_url}', $2), updated_at = now() WHERE id = $1"""


def connection_config(crm_url: str) -> dict[str, object]:
    """The design document's configuration of a custom CRM."""
    return {
        "crm_type": "custom",
        "auth_type": "api_key",
        "base_url": f"{crm_url}/v2",
        "endpoints": {"get_leads": "/leads", "create_lead": "/leads", "update_lead": "/leads/{id}"},
        "field_mappings": {
            "mpp_fields": {"Interest Level": "interest_level", "Last Contact": "last_contact"},
            "custom_transformations": {"status": _STATUSES},
        },
    }


def local_target(stage: Stage) -> Target:
    """The stage's hub, for commands' tools."""
    hub = stage.hub
    return Target(hub.database_url, hub.bus_url, str(hub.keyring_file), "", hub.url)


async def set_scene(stage: Stage, subscriber_url: str) -> Remembered:
    """Make what is missing; everything points at this run's addresses afterwards."""
    target = local_target(stage)
    async with database(target) as pool:
        vault = Vault(pool, Keyring.load(target.keyring_file, ""))
        known = stage.remembered
        if not known.account_id:
            known = stage.remember(account_id=await Admin(pool).create_account(ACCOUNT, "US"))
        if not known.api_key:
            known = stage.remember(api_key=await create_key(pool, known.account_id, "demo", role="admin"))
        if not known.subscription_id:
            made = await create_subscription(
                pool, vault, known.account_id, subscriber_url, EVENTS, known.subscriber_secret
            )
            known = stage.remember(subscription_id=made)
        await pool.execute(_POINT, known.subscription_id, subscriber_url)
        if not known.connection_id:
            known = await _connect(stage, target, pool, vault)
        await pool.execute(_RECONNECT, known.connection_id, f"{stage.crm_url}/v2")
    return known


async def _connect(stage: Stage, target: Target, pool: asyncpg.Pool, vault: Vault) -> Remembered:
    known = stage.remembered
    config = connection_config(stage.crm_url)
    wish = NewConnection("custom", "Demo CRM", config, known.crm_api_key, known.webhook_secret)
    made = await create_connection(pool, vault, known.account_id, wish)
    async with bus(target) as line:
        await announce_connection(line, known.account_id, made, "custom", "demo")
    return stage.remember(connection_id=made)
