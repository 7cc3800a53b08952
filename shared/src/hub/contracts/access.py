"""What an API key may do: scopes, and the roles that bundle them."""

from enum import StrEnum


class Scope(StrEnum):
    """One permission."""

    LEADS_READ = "leads:read"  # leads, their history, export, outcomes of events
    LEADS_WRITE = "leads:write"  # create and change leads, complete enrolments
    IMPORTS_WRITE = "imports:write"  # import leads and see what became of an import
    STATUS_READ = "status:read"  # sync status, dashboard
    CONNECTIONS_MANAGE = "connections:manage"  # CRM connections
    WEBHOOKS_MANAGE = "webhooks:manage"  # subscriptions and their delivery log
    AUDIT_READ = "audit:read"  # the audit trail


class Role(StrEnum):
    """A named bundle of scopes, as ``hubctl key create --role`` gives it."""

    ADMIN = "admin"
    INTEGRATION = "integration"
    READER = "reader"


ROLES: dict[Role, tuple[Scope, ...]] = {
    Role.ADMIN: tuple(Scope),
    Role.INTEGRATION: (Scope.LEADS_READ, Scope.LEADS_WRITE, Scope.IMPORTS_WRITE, Scope.STATUS_READ),
    Role.READER: (Scope.LEADS_READ, Scope.STATUS_READ),
}
