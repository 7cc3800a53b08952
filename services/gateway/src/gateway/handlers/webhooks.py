"""Webhooks from CRMs: verified, durable on the bus, then answered. The hot path: no database, no models."""

from collections.abc import Sequence
from time import time

from aiohttp import hdrs, web

from gateway.adapters.connections import Webhooks
from gateway.domain.access import within
from gateway.domain.receiving import SOURCE
from gateway.domain.replay import webhook_event_id
from gateway.gateway import Gateway
from gateway.handlers.places import number
from gateway.metrics import STRAY_RECORDS
from gateway.web.bodies import body_at_hand, expect_type, read_body
from gateway.web.quick import json_answer
from hub.contracts.cloudevents import Event
from hub.contracts.errors import Conflict, Forbidden, NotFound, Unauthenticated
from hub.contracts.events import CRM_RECORD_CHANGED, CRM_RECORD_RECEIVED
from hub.contracts.webhooks import WebhookAnswer, WebhookParser, WebhookRecord, WebhookRequest, WebhookTrust
from hub.telemetry.trace import current_traceparent

WEBHOOK_LIMIT = 1_000_000
_MOST_CANDIDATES = 64


async def receive_by_crm(gateway: Gateway, crm_type: str, request: web.Request) -> web.StreamResponse:
    """The connection is the one whose secret the signature was made with; or, for an app's webhooks, the customer's."""
    parser = gateway.webhook_parsers[crm_type]
    _check_type(gateway, crm_type, request)
    body = body_at_hand(request, WEBHOOK_LIMIT) or await read_body(request, WEBHOOK_LIMIT)
    seen = _seen(gateway, request, body)
    if parser.per_app:
        trust = gateway.connections.app_trust(crm_type)
        if trust is not None:
            return await _receive_for_app(gateway, crm_type, trust, request, seen)
    try:
        connection = _signer(parser, gateway.connections.of_type(crm_type), seen)
    except Unauthenticated:
        await gateway.connections.newer()  # its connection, or the secret, may be a moment old
        connection = _signer(parser, gateway.connections.of_type(crm_type), seen)
    return await _receive(gateway, parser, connection, request, seen)


async def receive_by_connection(gateway: Gateway, crm_type: str, request: web.Request) -> web.StreamResponse:
    """The address names the connection."""
    connection_id = number(request.match_info["connection_id"])
    if connection_id is None:
        raise NotFound("There is no such connection")
    parser = gateway.webhook_parsers[crm_type]
    _check_type(gateway, crm_type, request)
    body = body_at_hand(request, WEBHOOK_LIMIT) or await read_body(request, WEBHOOK_LIMIT)
    seen = _seen(gateway, request, body)
    try:
        connection = _named(gateway, parser, crm_type, connection_id, seen)
    except (NotFound, Unauthenticated):
        await gateway.connections.newer()
        connection = _named(gateway, parser, crm_type, connection_id, seen)
    return await _receive(gateway, parser, connection, request, seen)


async def _receive(
    gateway: Gateway, parser: WebhookParser, connection: Webhooks, request: web.Request, seen: WebhookRequest
) -> web.StreamResponse:
    ip = gateway.client_ip(request)
    if not _permits(connection, ip):
        raise Forbidden("Webhooks of this connection are not taken from this address", code="ADDRESS_NOT_ALLOWED")
    events = [_event(connection, record, ip) for record in parser.parse(connection.trust, seen)]
    gateway.heard[connection.id] = seen.now
    return await _accept(gateway, parser.accepted, request, events)


async def _receive_for_app(
    gateway: Gateway, crm_type: str, trust: WebhookTrust, request: web.Request, seen: WebhookRequest
) -> web.StreamResponse:
    """Records of many customers in one body. Those of customers that nobody connected are no error: they are counted.

    An error would make the CRM send all of them again, and in the end none at all.
    """
    parser, connections = gateway.webhook_parsers[crm_type], gateway.connections
    parser.verify(trust, seen)
    records = parser.parse(trust, seen)
    if any(record.tenant is not None and not connections.of_tenant(crm_type, record.tenant) for record in records):
        await connections.newer()
    ip = gateway.client_ip(request)
    events: list[Event] = []
    for record in records:
        found = connections.of_tenant(crm_type, record.tenant) if record.tenant is not None else ()
        if not found:
            STRAY_RECORDS.labels(crm_type, "unknown_tenant").inc()
        for connection in found:
            if _permits(connection, ip):
                events.append(_event(connection, record, ip))
                gateway.heard[connection.id] = seen.now
            else:
                STRAY_RECORDS.labels(crm_type, "address_not_allowed").inc()
    return await _accept(gateway, parser.accepted, request, events)


def _check_type(gateway: Gateway, crm_type: str, request: web.Request) -> None:
    headers = request.headers
    if headers.get("Content-Type") not in gateway.webhook_types[crm_type] or "Content-Encoding" in headers:
        expect_type(request, *gateway.webhook_parsers[crm_type].content_types)


def _named(
    gateway: Gateway, parser: WebhookParser, crm_type: str, connection_id: int, seen: WebhookRequest
) -> Webhooks:
    connection = gateway.connections.get(connection_id)
    if connection is None or connection.crm_type != crm_type:
        raise NotFound("There is no such connection")
    parser.verify(connection.trust, seen)
    return connection


def _signer(parser: WebhookParser, candidates: Sequence[Webhooks], seen: WebhookRequest) -> Webhooks:
    if len(candidates) == 1:
        parser.verify(candidates[0].trust, seen)
        return candidates[0]
    if len(candidates) > _MOST_CANDIDATES:
        raise Conflict(
            "Too many connections to this CRM to tell them apart; use the address with the connection's id",
            code="AMBIGUOUS_CONNECTION",
        )
    signers: list[Webhooks] = []
    refused = Unauthenticated("The signature does not match")
    for candidate in candidates:
        try:
            parser.verify(candidate.trust, seen)
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


def _seen(gateway: Gateway, request: web.Request, body: bytes) -> WebhookRequest:
    # The path exactly as it was sent: signatures of some CRMs are made over the address.
    path = request.raw_path
    if path[:1] != "/":
        path = request.rel_url.raw_path_qs
    base = gateway.public_url or f"{request.scheme}://{request.headers.get(hdrs.HOST, '')}"
    return WebhookRequest(request.method, base + path, request.headers, body, time())


def _permits(connection: Webhooks, ip: str | None) -> bool:
    if connection.allowed_ips_broken:
        return False
    return not connection.allowed_ips or within(ip, connection.allowed_ips)


async def _accept(
    gateway: Gateway, wanted: WebhookAnswer | None, request: web.Request, events: list[Event]
) -> web.StreamResponse:
    if len(events) == 1:
        await gateway.bus.publish(events[0])
    elif events:
        await gateway.bus.publish_many(events)
    if wanted is not None:
        return web.Response(body=wanted.body, headers={"Content-Type": wanted.content_type})
    # Ids are hexadecimal digits and dashes: nothing in them needs escaping.
    event_id = events[0].id if events else ""
    return json_answer(request, f'{{"status":"accepted","event_id":"{event_id}"}}')


def _event(connection: Webhooks, record: WebhookRecord, ip: str | None) -> Event:
    record_id = record.record_id
    data = {
        "connection_id": connection.id,
        "crm_type": connection.crm_type,
        "record_id": record_id,
        "observed_at": record.observed_at,
        "actor": {"user": connection.crm_type, "ip_address": ip},
    }
    kind = CRM_RECORD_CHANGED
    if record.event != "lead.changed":
        kind = CRM_RECORD_RECEIVED
        data["event"], data["record"] = record.event, record.fields
        if record.merged_into is not None:
            data["merged_into"] = record.merged_into
    return Event(
        kind,
        connection.account_id,
        f"connection/{connection.id}/record/{record_id}",
        data,
        SOURCE,
        webhook_event_id(connection.id, record.replay_key),
        traceparent=current_traceparent.get(),
    )
