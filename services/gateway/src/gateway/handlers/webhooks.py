"""Webhooks from CRMs: verified, durable on the bus, then answered. The hot path: no database, no models."""

from collections.abc import Sequence
from time import time
from typing import Any

from aiohttp import web

from gateway.adapters.connections import Webhooks
from gateway.domain.access import within
from gateway.domain.receiving import record_received
from gateway.domain.replay import webhook_event_id
from gateway.gateway import Gateway
from gateway.handlers.places import number
from gateway.web.bodies import expect_type, read_body, refuse_encoding
from hub.contracts.cloudevents import Event
from hub.contracts.connector import WebhookParser, WebhookRecord
from hub.contracts.errors import Conflict, Forbidden, NotFound, Unauthenticated
from hub.telemetry.trace import current_traceparent

WEBHOOK_LIMIT = 1_000_000
_MOST_CANDIDATES = 64
_JSON = ("application/json", "application/json; charset=utf-8")


async def receive_by_crm(gateway: Gateway, request: web.Request) -> web.Response:
    """The connection is the one whose secret the signature was made with."""
    crm_type = request.match_info["crm_type"]
    parser = _parser(gateway, crm_type)
    candidates = gateway.connections.of_type(crm_type)
    if len(candidates) > _MOST_CANDIDATES:
        raise Conflict(
            "Too many connections to this CRM to tell them apart; use the address with the connection's id",
            code="AMBIGUOUS_CONNECTION",
        )
    return await _receive(gateway, request, parser, candidates)


async def receive_by_connection(gateway: Gateway, request: web.Request) -> web.Response:
    """The address names the connection."""
    crm_type = request.match_info["crm_type"]
    parser = _parser(gateway, crm_type)
    connection_id = number(request.match_info["connection_id"])
    connection = gateway.connections.get(connection_id) if connection_id else None
    if connection is None or connection.crm_type != crm_type:
        raise NotFound("There is no such connection")
    return await _receive(gateway, request, parser, (connection,))


def _parser(gateway: Gateway, crm_type: str) -> WebhookParser:
    parser = gateway.webhook_parsers.get(crm_type)
    if parser is None:
        raise NotFound("There is no such CRM")
    return parser


async def _receive(
    gateway: Gateway, request: web.Request, parser: WebhookParser, candidates: Sequence[Webhooks]
) -> web.Response:
    if request.headers.get("Content-Type", "") in _JSON:
        refuse_encoding(request)
    else:
        expect_type(request, "application/json")
    body = await read_body(request, WEBHOOK_LIMIT)
    connection = _signer(parser, candidates, request, body)
    ip = gateway.client_ip(request)
    if connection.allowed_ips_broken or (connection.allowed_ips and not within(ip, connection.allowed_ips)):
        raise Forbidden("Webhooks of this connection are not taken from this address", code="ADDRESS_NOT_ALLOWED")
    events = [_event(connection, record, ip) for record in parser.parse(body)]
    if len(events) == 1:
        await gateway.bus.publish(events[0])
    else:
        await gateway.bus.publish_many(events)
    # Ids are hexadecimal digits and dashes: nothing in them needs escaping.
    ids = events[0].id if events else ""
    return web.Response(body=b'{"status":"accepted","event_id":"%b"}' % ids.encode(), content_type="application/json")


def _signer(parser: WebhookParser, candidates: Sequence[Webhooks], request: web.Request, body: bytes) -> Webhooks:
    headers, now = request.headers, time()
    if len(candidates) == 1:
        parser.verify(candidates[0].mode, candidates[0].secret, headers, body, now)
        return candidates[0]
    signers: list[Webhooks] = []
    refused = Unauthenticated("The signature does not match")
    for candidate in candidates:
        try:
            parser.verify(candidate.mode, candidate.secret, headers, body, now)
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


def _event(connection: Webhooks, record: WebhookRecord, ip: str | None) -> Event:
    actor = {"user": connection.crm_type}
    if ip:
        actor["ip_address"] = ip
    data: dict[str, Any] = {
        "connection_id": connection.id,
        "crm_type": connection.crm_type,
        "event": record.event,
        "record_id": record.record_id,
        "record": {**record.fields, "id": record.record_id},
        "observed_at": record.observed_at,
        "actor": actor,
    }
    return record_received(
        connection.account_id,
        webhook_event_id(connection.id, record.replay_key),
        f"connection/{connection.id}/record/{record.record_id}",
        data,
        current_traceparent.get(),
    )
