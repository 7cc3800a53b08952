"""The addresses about CRM connections, in the same form as ``routes``."""

from gateway.handlers import connections, oauth, runs, sync_errors
from gateway.web import models_connections_in as given
from gateway.web import models_connections_out as told
from gateway.web.models_in import Page
from gateway.web.routing import Route
from hub.contracts.scopes import Scope

_AUTHORIZE = {"crm_type": "salesforce", "redirect_uri": "https://mypremierplans.com/crm/callback"}
_CUSTOM = {
    "crm_type": "custom",
    "auth_type": "api_key",
    "base_url": "https://api.customcrm.com/v2",
    "endpoints": {"get_leads": "/leads", "create_lead": "/leads", "update_lead": "/leads/{id}"},
}
_ADD = {"name": "Main CRM", "crm_type": "custom", "config": _CUSTOM, "credentials": "the CRM's API key", "test": False}
_CONNECTIONS = "/api/v1/external/connections"
_ONE = f"{_CONNECTIONS}/{{connection_id}}"
_TAG, _OAUTH, _READING, _FAILED = "Connections", "Connecting by OAuth", "Reading CRMs", "Failed pushes"

ROUTES: tuple[Route, ...] = (
    Route(
        "POST", "/api/v1/crm/oauth/authorize", "authorize_crm", "Begin to connect a CRM by OAuth", _OAUTH,
        oauth.authorize, Scope.CONNECTIONS_MANAGE, body=given.AuthorizeBody, response=told.Authorization,
        errors=(404, 409), example=_AUTHORIZE,
    ),
    Route(
        "GET", "/api/v1/crm/oauth/callback", "oauth_callback", "Where the CRM sends the browser back to", _OAUTH,
        raw=oauth.callback, query=given.CallbackQuery, produces=("text/html", "application/json"),
        errors=(303, 400, 409),
    ),
    Route(
        "POST", "/api/v1/crm/oauth/callback", "finish_oauth", "Hand on what a CRM sent to your redirect URI", _OAUTH,
        oauth.finish_callback, Scope.CONNECTIONS_MANAGE, body=given.CallbackBody, status=201, response=told.Connected,
        errors=(409,), deadline=False,
    ),
    Route(
        "POST", _CONNECTIONS, "add_connection", "Connect a CRM with an API key", _TAG,
        connections.add_connection, Scope.CONNECTIONS_MANAGE, body=given.ConnectionBody, status=201,
        response=told.Connected, errors=(409,), example=_ADD, deadline=False,
    ),
    Route(
        "GET", _CONNECTIONS, "list_crm_connections", "CRM connections and how they stand", _TAG,
        connections.list_connections, Scope.CONNECTIONS_READ, query=given.ConnectionsQuery,
        response=told.CrmConnectionList,
    ),
    Route(
        "GET", _ONE, "get_connection", "One connection, with quota and schema drift", _TAG,
        connections.get_connection, Scope.CONNECTIONS_READ, response=told.CrmConnectionDetail,
    ),
    Route(
        "PATCH", _ONE, "change_connection", "Change a connection", _TAG,
        connections.change_connection, Scope.CONNECTIONS_MANAGE, body=given.ConnectionChange,
        response=told.CrmConnection, errors=(409,), deadline=False,
    ),
    Route(
        "POST", f"{_ONE}/pause", "pause_connection", "Pause", _TAG,
        connections.pause_connection, Scope.CONNECTIONS_MANAGE, response=told.CrmConnection, errors=(409,),
    ),
    Route(
        "POST", f"{_ONE}/resume", "resume_connection", "Resume", _TAG,
        connections.resume_connection, Scope.CONNECTIONS_MANAGE, response=told.Resumed, errors=(409, 422),
        deadline=False,
    ),
    Route(
        "POST", f"{_ONE}/test", "test_connection", "Ask the CRM whether the connection works", _TAG,
        connections.test_connection, Scope.CONNECTIONS_MANAGE, response=told.Tested, errors=(409,), deadline=False,
    ),
    Route(
        "POST", f"{_ONE}/reconnect", "reconnect", "Connect anew", _TAG,
        connections.reconnect, Scope.CONNECTIONS_MANAGE, body=given.ReconnectBody, response=told.Reconnecting,
        errors=(409,), deadline=False,
    ),
    Route(
        "POST", f"{_ONE}/webhook-secret", "new_webhook_secret", "A new webhook secret", _TAG,
        connections.new_webhook_secret, Scope.CONNECTIONS_MANAGE, body=given.WebhookSecretBody,
        response=told.NewWebhookSecret, errors=(409,),
    ),
    Route(
        "DELETE", _ONE, "disconnect", "Disconnect: revoke at the CRM, erase the secrets", _TAG,
        connections.disconnect, Scope.CONNECTIONS_MANAGE, response=told.Disconnected, deadline=False,
    ),
    Route(
        "POST", f"{_ONE}/sync", "request_sync", "Read a CRM now", _READING,
        runs.request_sync, Scope.CONNECTIONS_MANAGE, body=given.SyncBody, status=202, response=told.Run, errors=(409,),
    ),
    Route(
        "GET", f"{_ONE}/runs", "list_runs", "A connection's readings", _READING,
        runs.list_runs, Scope.CONNECTIONS_READ, query=Page, response=told.RunPage,
    ),
    Route(
        "GET", f"{_ONE}/runs/{{run_id}}", "get_run", "How a reading stands", _READING,
        runs.get_run, Scope.CONNECTIONS_READ, response=told.Run,
    ),
    Route(
        "POST", f"{_ONE}/runs/{{run_id}}/pause", "pause_run", "Pause a reading", _READING,
        runs.pause_run, Scope.CONNECTIONS_MANAGE, response=told.Run, errors=(409,),
    ),
    Route(
        "POST", f"{_ONE}/runs/{{run_id}}/resume", "resume_run", "Go on with a reading", _READING,
        runs.resume_run, Scope.CONNECTIONS_MANAGE, response=told.Run, errors=(409,),
    ),
    Route(
        "POST", f"{_ONE}/runs/{{run_id}}/cancel", "cancel_run", "Cancel a reading", _READING,
        runs.cancel_run, Scope.CONNECTIONS_MANAGE, response=told.Run, errors=(409,),
    ),
    Route(
        "GET", "/api/v1/external/sync/errors", "list_sync_errors", "Pushes that failed", _FAILED,
        sync_errors.list_errors, Scope.STATUS_READ, query=given.ErrorsQuery, response=told.SyncErrorPage,
        produces=("application/json", "text/csv"), deadline=False,
    ),
    Route(
        "POST", "/api/v1/external/sync/errors/retry", "retry_sync_errors", "Try failed pushes again", _FAILED,
        sync_errors.retry_errors, Scope.CONNECTIONS_MANAGE, body=given.RetryBody, response=told.Redriven,
        example={"lead_id": 123, "connection_id": 7}, deadline=False,
    ),
)  # fmt: skip
