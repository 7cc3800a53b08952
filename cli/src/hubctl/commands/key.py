"""``hubctl key``: API keys."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import typer

from hub.contracts.scopes import ROLES, Scope
from hub.store.admin import LIST_KEYS, Admin
from hubctl.console import done, err, out, table
from hubctl.problems import Problem
from hubctl.provision import create_key
from hubctl.session import account_id, administration, database, run_async

app = typer.Typer(help="API keys: shown once, stored hashed.", no_args_is_help=True)


@app.command("create")
@run_async
async def create(
    account: str = typer.Option(..., help="Name or id of the account."),
    name: str = typer.Option(..., help="What the key is for; the audit trail shows it."),
    role: str = typer.Option("admin", help=f"Bundle of permissions: {', '.join(ROLES)}."),
    scope: list[str] = typer.Option([], help="Permissions instead of a role; repeat it."),  # noqa: B008
    ip: list[str] = typer.Option([], help="Network (CIDR) the key may be used from; repeat it."),  # noqa: B008
    rate: int = typer.Option(0, min=0, help="Requests a minute; 0 is no limit."),
    days: int = typer.Option(0, min=0, help="Days until it expires; 0 is never."),
) -> None:
    """Create a key and print it on stdout, this once."""
    _check(role, scope, ip)
    expires = datetime.now(UTC) + timedelta(days=days) if days else None
    async with database() as pool:
        owner = await account_id(Admin(pool), account)
        text = await create_key(
            pool, owner, name, role=role, scopes=scope, allowed_ips=ip, rate_per_minute=rate or None, expires_at=expires
        )
    err.print("The key, shown this once:")
    out.print(text, soft_wrap=True)


def _check(role: str, scopes: list[str], networks: list[str]) -> None:
    if role not in ROLES:
        raise Problem(f"There is no role {role!r}.", f"Roles: {', '.join(ROLES)}.")
    known = {scope.value for scope in Scope}
    if unknown := [scope for scope in scopes if scope not in known]:
        raise Problem(f"There is no permission {unknown[0]!r}.", f"Permissions: {', '.join(sorted(known))}.")
    for network in networks:
        try:
            ip_network(network)
        except ValueError as error:
            raise Problem(f"{network!r} is not a network: {error}.", "Write it as 203.0.113.0/24.") from None


@app.command("list")
@run_async
async def show(account: str = typer.Option("", help="Only this account's.")) -> None:
    """List keys; never their secrets."""
    async with administration() as admin:
        rows = await admin.list(LIST_KEYS, await account_id(admin, account) if account else None)
    now = datetime.now(UTC)
    keys = [
        {**row, "scopes": _permissions(row["scopes"]), "state": _state(row["revoked_at"], row["expires_at"], now)}
        for row in rows
    ]
    names = ("id", "account", "name", "state", "scopes", "allowed_ips", "rate_per_minute", "created_at", "expires_at")
    headings = ("id", "account", "name", "state", "permissions", "from", "a minute", "created", "expires")
    table(headings, [[key[n] for n in names] for key in keys], empty="There are no keys yet: hubctl key create")


def _permissions(scopes: list[str]) -> str:
    """The role's name where the scopes are just a role's, else the scopes."""
    roles = (name for name, granted in ROLES.items() if set(granted) == set(scopes))
    return next(roles, ", ".join(scopes))


def _state(revoked: datetime | None, expires: datetime | None, now: datetime) -> str:
    if revoked:
        return "revoked"
    return "expired" if expires and expires <= now else "active"


@app.command("revoke")
@run_async
async def revoke(key_id: str = typer.Argument(help="The key's id, or the whole key.")) -> None:
    """End a key; services notice within seconds."""
    bare = key_id.split("_")[1] if key_id.startswith("mpp_") and key_id.count("_") >= 2 else key_id
    async with administration() as admin:
        name = await admin.revoke_key(bare)
    if name is None:
        raise Problem(f"There is no key {bare!r}.", "hubctl key list shows them.")
    done(f"key {bare} ({name}) is revoked")
