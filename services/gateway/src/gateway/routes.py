"""Every address of the API, as a table. The router and the OpenAPI document are made of it."""

from gateway import routes_connections
from gateway.handlers import dashboard, imports, internal, leads, status, subscriptions, webhooks
from gateway.web import models_in as given
from gateway.web import models_out as told
from gateway.web.routing import Route
from hub.contracts.scopes import Scope

_IMPORT = {
    "source": "salesforce",
    "leads": [
        {
            "external_id": "SF-12345",
            "first_name": "John",
            "last_name": "Doe",
            "email": "john@example.com",
            "phone": "210-555-0123",
            "custom_fields": {"lead_source": "Website", "interest_level": "High"},
        }
    ],
}
_WEBHOOK = {"event": "lead.created", "data": {"id": "EXT-789", "fields": {"first_name": "Jane", "status": "new"}}}
_SUBSCRIPTION = {
    "webhook_url": "https://crm.example.com/webhooks/mpp",
    "events": ["lead.created", "lead.updated", "enrollment.completed"],
    "secret": "webhook_secret_key",
}
_LEAD = {"first_name": "Jane", "last_name": "Smith", "email": "jane@example.com", "status": "qualified"}
_PREFER = {"Prefer": "`wait=5` waits up to so many seconds (at most 10) for the outcome."}
_SIGNATURE = {
    "X-Webhook-Signature": "`sha256=` and the HMAC-SHA256 of the body (mode timestamped: `<timestamp>.<body>`), hex.",
    "X-Webhook-Timestamp": "Unix seconds; needed in mode timestamped.",
}
_FILES = {
    imports.NDJSON_TYPE: "One JSON record a line; `?source=` names the system. Streamed: up to 1 GiB.",
    imports.CSV_TYPE: "UTF-8, first line names the columns, delimiter `,` `;` tab or `|`; `?source=` names the system.",
}

ROUTES: tuple[Route, ...] = (
    Route(
        "POST", "/api/v1/external/leads/import", "import_leads", "Import leads", "Leads",
        imports.import_leads, Scope.IMPORTS_WRITE, query=given.FileQuery, body=given.ImportBody, parse_body=False,
        media=_FILES, headers={"Idempotency-Key": "The same key is answered as before, and imports once."},
        status=202, response=told.ImportAnswer, errors=(408, 409), example=_IMPORT, deadline=False,
    ),
    Route(
        "GET", "/api/v1/external/imports/{import_id}", "get_import", "An import's progress and refusals", "Leads",
        imports.get_import, Scope.IMPORTS_WRITE, query=given.IssuesQuery, response=told.ImportDetail,
    ),
    Route(
        "GET", "/api/v1/external/leads", "list_leads", "List leads", "Leads",
        leads.list_leads, Scope.LEADS_READ, query=given.LeadsQuery, response=told.LeadPage,
    ),
    Route(
        "GET", "/api/v1/external/leads/export", "export_leads", "Export leads", "Leads",
        leads.export_leads, Scope.LEADS_READ, query=given.ExportQuery, response=told.ExportAnswer,
        produces=("application/json", "application/x-ndjson", "text/csv"), deadline=False,
    ),
    Route(
        "GET", "/api/v1/external/leads/{lead_id}", "get_lead", "One lead", "Leads",
        leads.get_lead, Scope.LEADS_READ, response=told.LeadDetail,
    ),
    Route(
        "GET", "/api/v1/external/leads/{lead_id}/history", "get_lead_history", "A lead's history", "Leads",
        leads.get_history, Scope.LEADS_READ, query=given.Page, response=told.HistoryPage,
    ),
    Route(
        "GET", "/api/v1/external/sync/status", "get_sync_status", "Sync status", "Status",
        status.sync_status, Scope.STATUS_READ, response=told.SyncStatus,
    ),
    Route(
        "POST", "/api/v1/leads", "create_lead", "Tell the hub about a lead", "Internal systems",
        internal.create_lead, Scope.LEADS_WRITE, body=given.LeadBody, parse_body=False, headers=_PREFER,
        status=202, response=told.Accepted, example=_LEAD,
    ),
    Route(
        "PATCH", "/api/v1/leads/{lead_id}", "change_lead", "Change a lead", "Internal systems",
        internal.change_lead, Scope.LEADS_WRITE, body=given.LeadBody, parse_body=False, headers=_PREFER,
        status=202, response=told.Accepted, example={"status": "contacted"},
    ),
    Route(
        "POST", "/api/v1/enrollments", "complete_enrollment", "Record a completed enrolment", "Internal systems",
        internal.complete_enrollment, Scope.LEADS_WRITE, body=given.EnrollmentBody, status=202,
        response=told.EnrollmentAccepted, errors=(404,),
        example={"lead_id": 123, "plan": "Gold PPO", "effective_date": "2025-02-01", "premium": 412.5},
    ),
    Route(
        "GET", "/api/v1/events/{event_id}", "get_event", "What became of an event", "Internal systems",
        internal.get_event, Scope.LEADS_READ, response=told.EventAnswer,
    ),
    Route(
        "POST", "/api/v1/webhooks/crm/{crm_type}", "receive_webhook", "A CRM tells of a change", "Webhooks in",
        per_crm=webhooks.receive_by_crm, body=given.WebhookBody, headers=_SIGNATURE, response=told.WebhookAnswer,
        errors=(401, 403, 409), example=_WEBHOOK,
    ),
    Route(
        "POST", "/api/v1/webhooks/crm/{crm_type}/{connection_id}", "receive_connection_webhook",
        "One connection's CRM tells of a change", "Webhooks in",
        per_crm=webhooks.receive_by_connection, body=given.WebhookBody, headers=_SIGNATURE, response=told.WebhookAnswer,
        errors=(401, 403), example=_WEBHOOK,
    ),
    Route(
        "POST", "/api/v1/webhooks/subscriptions", "add_subscription", "Subscribe a URL to events", "Webhooks out",
        subscriptions.add_subscription, Scope.WEBHOOKS_MANAGE, body=given.SubscriptionBody, status=201,
        response=told.Subscription, errors=(409,), example=_SUBSCRIPTION,
    ),
    Route(
        "GET", "/api/v1/webhooks/subscriptions", "list_subscriptions", "List subscriptions", "Webhooks out",
        subscriptions.list_subscriptions, Scope.WEBHOOKS_MANAGE, response=told.SubscriptionList,
    ),
    Route(
        "DELETE", "/api/v1/webhooks/subscriptions/{subscription_id}", "delete_subscription", "Stop delivering",
        "Webhooks out", subscriptions.delete_subscription, Scope.WEBHOOKS_MANAGE, status=204,
    ),
    Route(
        "GET", "/api/v1/webhooks/subscriptions/{subscription_id}/deliveries", "list_deliveries", "The delivery log",
        "Webhooks out", subscriptions.list_deliveries, Scope.WEBHOOKS_MANAGE, query=given.DeliveriesQuery,
        response=told.DeliveryPage,
    ),
    Route(
        "GET", "/api/v1/crm/connections", "list_connections", "List CRM connections", "Status",
        status.list_connections, Scope.CONNECTIONS_READ, response=told.ConnectionList,
    ),
    Route(
        "GET", "/api/v1/audit", "list_audit", "The audit trail", "Status",
        status.audit_trail, Scope.AUDIT_READ, query=given.AuditQuery, response=told.AuditPage,
    ),
    Route(
        "GET", "/api/v1/dashboard", "get_dashboard", "The dashboard's figures", "Dashboard",
        dashboard.panel, Scope.STATUS_READ, response=told.Panel,
    ),
    Route(
        "GET", "/api/v1/dashboard/events", "follow_dashboard", "The live feed (server-sent events)", "Dashboard",
        dashboard.live_feed, Scope.AUDIT_READ, produces=("text/event-stream",), deadline=False,
        headers={"Last-Event-ID": "Continue after this audit entry."},
    ),
    Route(
        "POST", "/session", "sign_in", "Sign a browser in", "Dashboard",
        raw=dashboard.sign_in, body=given.SessionBody, response=told.SessionAnswer, errors=(401, 403),
        example={"api_key": "mpp_abcdefghijkl_…"},
    ),
    Route("DELETE", "/session", "sign_out", "Sign a browser out", "Dashboard", raw=dashboard.sign_out, status=204),
    *routes_connections.ROUTES,
)  # fmt: skip
