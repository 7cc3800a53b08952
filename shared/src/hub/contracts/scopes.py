"""What an API key may be allowed to do, and the usual bundles of it."""

from enum import StrEnum


class Scope(StrEnum):
    """One permission. A route names the one it needs; a key carries those it has."""

    LEADS_READ = "leads:read"
    """Read leads, their history, exports and the outcome of events."""
    LEADS_WRITE = "leads:write"
    """Create and change leads, record enrolments."""
    IMPORTS_WRITE = "imports:write"
    """Import leads and follow the import."""
    WEBHOOKS_MANAGE = "webhooks:manage"
    """Subscribe URLs to events, see their deliveries."""
    AUDIT_READ = "audit:read"
    """Read the audit trail and the live feed that is made of it."""
    STATUS_READ = "status:read"
    """Read sync status and the dashboard's figures."""
    CONNECTIONS_READ = "connections:read"
    """List CRM connections."""
    CONNECTIONS_MANAGE = "connections:manage"
    """Create and change CRM connections."""


_READS = (Scope.LEADS_READ, Scope.AUDIT_READ, Scope.STATUS_READ, Scope.CONNECTIONS_READ)

ROLES: dict[str, tuple[Scope, ...]] = {
    "admin": tuple(Scope),
    "viewer": _READS,
    "importer": (Scope.IMPORTS_WRITE, Scope.LEADS_READ, Scope.STATUS_READ),
    "internal": (Scope.LEADS_READ, Scope.LEADS_WRITE, Scope.STATUS_READ),
}
"""Bundles for creating keys; a key stores the scopes themselves, so that changing a bundle changes no key."""
