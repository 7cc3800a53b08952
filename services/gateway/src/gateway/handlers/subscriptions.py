"""Outgoing webhooks: who is told what, and the log of it."""

from aiohttp import hdrs, web

from gateway.domain.cursor import decode_cursor, encode_cursor
from gateway.gateway import Gateway
from gateway.handlers.places import number_in_path, uuid_cursor
from gateway.web.answers import answer
from gateway.web.models_in import DeliveriesQuery, SubscriptionBody
from gateway.web.routing import Call
from hub.contracts.errors import NotFound


async def add_subscription(gateway: Gateway, call: Call[None, SubscriptionBody]) -> web.Response:
    """Subscribe a URL to events."""
    body = call.body
    gateway.egress.check_url(body.webhook_url, "webhook_url")
    events = list(dict.fromkeys(body.events))
    added = await gateway.subscriptions.add(call.account_id, body.webhook_url, list(events), body.secret)
    return answer(added, 201, {hdrs.LOCATION: f"/api/v1/webhooks/subscriptions/{added['id']}"})


async def list_subscriptions(gateway: Gateway, call: Call[None, None]) -> web.Response:
    """All of the account's."""
    return answer({"subscriptions": await gateway.subscriptions.all(call.account_id)})


async def delete_subscription(gateway: Gateway, call: Call[None, None]) -> web.Response:
    """Stop delivering."""
    if not await gateway.subscriptions.delete(call.account_id, number_in_path(call, "subscription_id")):
        raise NotFound("There is no such subscription")
    return web.Response(status=204)


async def list_deliveries(gateway: Gateway, call: Call[DeliveriesQuery, None]) -> web.Response:
    """Deliveries with their attempts, newest event first."""
    query = call.query
    before = uuid_cursor(decode_cursor(query.cursor)) if query.cursor else None
    deliveries = await gateway.subscriptions.deliveries(
        call.account_id, number_in_path(call, "subscription_id"), before, query.state, query.limit
    )
    if deliveries is None:
        raise NotFound("There is no such subscription")
    following = encode_cursor(deliveries[-1]["event_id"]) if len(deliveries) == query.limit else None
    return answer({"deliveries": deliveries, "next_cursor": following})
