"""Webhooks from CRMs: verified, durable on the bus, then answered. The hot path: no database, no models."""

from collections.abc import Sequence
from time import time

from aiohttp import web

from gateway.adapters.connections import Webhooks
from gateway.domain.access import within
from gateway.domain.receiving import SOURCE
from gateway.domain.replay import webhook_event_id
from gateway.gateway import Gateway
from gateway.handlers.places import number
from gateway.web.bodies import body_at_hand, expect_type, read_body
from gateway.web.quick import json_answer
from hub.contracts.cloudevents import Event
from hub.contracts.errors import Conflict, Forbidden, NotFound, Unauthenticated
from hub.contracts.events import CRM_RECORD_RECEIVED
from hub.contracts.webhooks import WebhookParser, WebhookRecord, WebhookRequest, WebhookTrust
from hub.telemetry.trace import current_traceparent

WEBHOOK_LIMIT = 1_000_000
_MOST_CANDIDATES = 64
_JSON = frozenset({"application/json", "application/json; charset=utf-8"})


async def receive_by_crm(gateway: Gateway, crm_type: str, request: web.Request) -> web.StreamResponse:
    """The connection is the one whose secret the signature was made with."""
    _check_type(request)
    body = body_at_hand(request, WEBHOOK_LIMIT) or await read_body(request, WEBHOOK_LIMIT)
    parser = gateway.webhook_parsers[crm_type]
    try:
        connection = _signer(parser, gateway.connections.of_type(crm_type), request, body)
    except Unauthenticated:
        await gateway.connections.newer()  # its connection, or the secret, may be a moment old
        connection = _signer(parser, gateway.connections.of_type(crm_type), request, body)
    ip = _checked_ip(gateway, request, connection)
    return await _accept(
        gateway,
        request,
        [_event(connection, record, ip) for record in parser.parse(_trust(connection), _seen(request, body))],
    )


async def receive_by_connection(gateway: Gateway, crm_type: str, request: web.Request) -> web.StreamResponse:
    """The address names the connection."""
    connection_id = number(request.match_info["connection_id"])
    if connection_id is None:
        raise NotFound("There is no such connection")
    _check_type(request)
    body = body_at_hand(request, WEBHOOK_LIMIT) or await read_body(request, WEBHOOK_LIMIT)
    parser = gateway.webhook_parsers[crm_type]
    try:
        connection = _named(gateway, parser, crm_type, connection_id, request, body)
    except (NotFound, Unauthenticated):
        await gateway.connections.newer()
        connection = _named(gateway, parser, crm_type, connection_id, request, body)
    ip = _checked_ip(gateway, request, connection)
    return await _accept(
        gateway,
        request,
        [_event(connection, record, ip) for record in parser.parse(_trust(connection), _seen(request, body))],
    )


def _check_type(request: web.Request) -> None:
    headers = request.headers
    if headers.get("Content-Type") not in _JSON or "Content-Encoding" in headers:
        expect_type(request, "application/json")


def _named(
    gateway: Gateway, parser: WebhookParser, crm_type: str, connection_id: int, request: web.Request, body: bytes
) -> Webhooks:
    connection = gateway.connections.get(connection_id)
    if connection is None or connection.crm_type != crm_type:
        raise NotFound("There is no such connection")
    parser.verify(_trust(connection), _seen(request, body))
    return connection


def _signer(parser: WebhookParser, candidates: Sequence[Webhooks], request: web.Request, body: bytes) -> Webhooks:
    if len(candidates) == 1:
        parser.verify(_trust(candidates[0]), _seen(request, body))
        return candidates[0]
    if len(candidates) > _MOST_CANDIDATES:
        raise Conflict(
            "Too many connections to this CRM to tell them apart; use the address with the connection's id",
            code="AMBIGUOUS_CONNECTION",
        )
    seen = _seen(request, body)
    signers: list[Webhooks] = []
    refused = Unauthenticated("The signature does not match")
    for candidate in candidates:
        try:
            parser.verify(_trust(candidate), seen)
        except Unauthenticated as error:
            refused = error
        else:
            signers.append(candidate)
    if not signers:
        raise refused
    if len(signers) > 1:
        raise Conflict(
            "Several connections have this secret; use the address with the connection's id",
            code="AMBIGUOUS_CONNECTION",
        )
    return signers[0]


def _trust(connection: Webhooks) -> WebhookTrust:
    return WebhookTrust(connection.mode, connection.secret)


def _seen(request: web.Request, body: bytes) -> WebhookRequest:
    return WebhookRequest(request.method, str(request.rel_url), request.headers, body, time())


def _checked_ip(gateway: Gateway, request: web.Request, connection: Webhooks) -> str | None:
    ip = gateway.client_ip(request)
    if connection.allowed_ips_broken or (connection.allowed_ips and not within(ip, connection.allowed_ips)):
        raise Forbidden("Webhooks of this connection are not taken from this address", code="ADDRESS_NOT_ALLOWED")
    return ip


async def _accept(gateway: Gateway, request: web.Request, events: list[Event]) -> web.StreamResponse:
    if len(events) == 1:
        await gateway.bus.publish(events[0])
    else:
        await gateway.bus.publish_many(events)
    # Ids are hexadecimal digits and dashes: nothing in them needs escaping.
    event_id = events[0].id if events else ""
    return json_answer(request, f'{{"status":"accepted","event_id":"{event_id}"}}')


def _event(connection: Webhooks, record: WebhookRecord, ip: str | None) -> Event:
    fields, record_id = record.fields, record.record_id
    fields["id"] = record_id
    return Event(
        CRM_RECORD_RECEIVED,
        connection.account_id,
        f"connection/{connection.id}/record/{record_id}",
        {
            "connection_id": connection.id,
            "crm_type": connection.crm_type,
            "event": record.event,
            "record_id": record_id,
            "record": fields,
            "observed_at": record.observed_at,
            "actor": {"user": connection.crm_type, "ip_address": ip},
        },
        SOURCE,
        webhook_event_id(connection.id, record.replay_key),
        traceparent=current_traceparent.get(),
    )
