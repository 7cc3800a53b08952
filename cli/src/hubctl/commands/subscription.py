"""``hubctl subscription``: who is told of events by webhook."""

import secrets
from urllib.parse import urlsplit

import typer

from hub.contracts.events import ENROLLMENT_COMPLETED, LEAD_CREATED, LEAD_UPDATED
from hub.store.admin import LIST_FAILED_DELIVERIES, LIST_SUBSCRIPTIONS, Admin
from hubctl.console import done, err, out, table
from hubctl.problems import Problem
from hubctl.provision import create_subscription
from hubctl.session import account_id, administration, database, run_async, vault

EVENTS = tuple(
    kind.removeprefix("mpp.").removesuffix(".v1") for kind in (LEAD_CREATED, LEAD_UPDATED, ENROLLMENT_COMPLETED)
)
app = typer.Typer(help="Webhook subscriptions.", no_args_is_help=True)


@app.command("create")
@run_async
async def create(
    url: str,
    account: str = typer.Option(..., help="Name or id of the account."),
    event: list[str] = typer.Option(list(EVENTS), help="Which events; repeat it."),  # noqa: B008
    secret: str = typer.Option("", envvar="HUBCTL_WEBHOOK_SECRET", help="Made and printed unless given."),
) -> None:
    """Have events delivered to a URL, signed."""
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise Problem(f"{url!r} is not an http or https address.")
    if unknown := [name for name in event if name not in EVENTS]:
        raise Problem(f"There is no event {unknown[0]!r} to subscribe to.", f"Events: {', '.join(EVENTS)}.")
    signing = secret or secrets.token_urlsafe(32)
    async with database() as pool:
        owner = await account_id(Admin(pool), account)
        new_id = await create_subscription(pool, vault(pool), owner, url, event, signing)
    done(f"subscription {new_id} is active")
    if not secret:
        err.print("Its secret, shown this once:")
        out.print(signing, soft_wrap=True)


@app.command("list")
@run_async
async def show(account: str = typer.Option("", help="Only this account's.")) -> None:
    """List subscriptions and how their deliveries stand."""
    async with administration() as admin:
        rows = await admin.list(LIST_SUBSCRIPTIONS, await account_id(admin, account) if account else None)
    names = ("id", "account", "webhook_url", "events", "status", "due", "failed", "delivered")
    headings = ("id", "account", "address", "events", "status", "waiting", "failed", "delivered")
    table(
        headings, [[r[n] for n in names] for r in rows], empty="Nobody has subscribed: hubctl subscription create URL"
    )


@app.command("failed")
@run_async
async def failed(
    subscription_id: int = typer.Argument(0, help="Only this subscription's."),
    limit: int = typer.Option(50, min=1, help="At most so many."),
) -> None:
    """List deliveries that were given up on."""
    async with administration() as admin:
        rows = await admin.list(LIST_FAILED_DELIVERIES, subscription_id or None, limit)
    names = ("subscription_id", "event_id", "event", "attempts", "last_status", "last_error", "created_at")
    headings = ("subscription", "event id", "event", "attempts", "status", "error", "since")
    table(headings, [[row.get(name) for name in names] for row in rows], empty="There are no failed deliveries.")


@app.command("redrive")
@run_async
async def redrive(subscription_id: int = typer.Argument(0, help="Only this subscription's; all unless given.")) -> None:
    """Deliver again what was given up on."""
    async with administration() as admin:
        count = await admin.redrive_deliveries(subscription_id or None)
    done(f"{count} deliveries are due again")


@app.command("pause")
@run_async
async def pause(subscription_id: int) -> None:
    """Deliver nothing for now: what is due waits for resume; what happens meanwhile is not told."""
    await _set(subscription_id, "paused")


@app.command("resume")
@run_async
async def resume(subscription_id: int) -> None:
    """Deliver again, after a pause or when the endpoint said it was gone."""
    await _set(subscription_id, "active")


async def _set(subscription_id: int, status: str) -> None:
    async with administration() as admin:
        row = await admin.set_subscription_status(subscription_id, status)
    if row is None:
        raise Problem(f"There is no subscription {subscription_id}.", "hubctl subscription list shows them.")
    done(f"subscription {subscription_id} is {status}")
