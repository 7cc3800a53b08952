"""Database logins for services: each may act as its own role and no other."""

import base64
import hashlib
import hmac
import os

import asyncpg

ROLES = ("hub_gateway", "hub_transformer", "hub_sync_worker", "hub_webhook_dispatcher", "hub_audit")
_ITERATIONS = 4096

_EXISTS = "SELECT true FROM pg_roles WHERE rolname = $1"
# CREATE and ALTER ROLE take no parameters: PostgreSQL itself quotes the names and the verifier.
_CREATE = "SELECT format('CREATE ROLE %I LOGIN IN ROLE %I', $1::text, $2::text)"
_PASSWORD = "SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, $2::text)"  # noqa: S105 - a statement


def login_name(role: str) -> str:
    """The login that may act as a role: ``hub_gateway`` → ``hub_login_gateway``."""
    return role.replace("hub_", "hub_login_", 1)


async def make_logins(connection: asyncpg.Connection, password: str) -> list[str]:
    """Create the logins that are missing and set the password of all; needs an owner's connection."""
    names = []
    for role in ROLES:
        name = login_name(role)
        if not await connection.fetchval(_EXISTS, name):
            await connection.execute(await connection.fetchval(_CREATE, name, role))
        await connection.execute(await connection.fetchval(_PASSWORD, name, scram_verifier(password)))
        names.append(name)
    return names


def scram_verifier(password: str, salt: bytes | None = None) -> str:
    """What PostgreSQL stores of a password (RFC 5803), made here so that the password reaches no server log."""
    salt = salt or os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    parts = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${_ITERATIONS}:{parts[0]}${parts[1]}:{parts[2]}"
