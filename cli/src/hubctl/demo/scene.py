"""The demonstration's account, key, CRM connection and subscription: made once, found again by later runs."""

import asyncpg

from hub.store.admin import Admin
from hub.vault import Keyring, Vault
from hubctl.demo.stage import Remembered, Stage
from hubctl.provision import NewConnection, announce_connection, create_connection, create_key, create_subscription
from hubctl.session import Target, bus, database
from hubctl.trial.tenant import EVENTS, target_of

ACCOUNT = "Demo Agency"

# The design document's status table; the simulated CRM keeps what it is sent.
_STATUSES = {
    "new": "Open",
    "contacted": "Working",
    "qualified": "Qualified",
    "enrolled": "Closed Won",
    "lost": "Closed Lost",
}
_MAPPINGS = {
    "mpp_fields": {"Interest Level": "interest_level", "Last Contact": "last_contact"},
    "custom_transformations": {"status": _STATUSES},
}
_POINT = "UPDATE webhooks.subscription SET webhook_url = $2 WHERE id = $1"
_RECONNECT = """
    UPDATE control.connection SET config = jsonb_set(config, '{base_url}', $2), updated_at = now() WHERE id = $1"""


async def set_scene(stage: Stage, subscriber_url: str) -> Remembered:
    """Make what is missing; everything points at this run's addresses afterwards."""
    target = target_of(stage.hub)
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
        await pool.execute(_RECONNECT, known.connection_id, f"{stage.crm.url}/v2")
    return known


async def _connect(stage: Stage, target: Target, pool: asyncpg.Pool, vault: Vault) -> Remembered:
    known = stage.remembered
    config = stage.crm.config(field_mappings=_MAPPINGS)
    wish = NewConnection("custom", "Demo CRM", config, known.crm_api_key, known.webhook_secret)
    made = await create_connection(pool, vault, known.account_id, wish)
    async with bus(target) as line:
        await announce_connection(line, known.account_id, made, "custom", "demo")
    return stage.remember(connection_id=made)
