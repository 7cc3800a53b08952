"""What one would otherwise write: FastAPI, a signature check, FastStream publishing with a confirm, then the answer."""

import hashlib
import hmac
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Header, HTTPException, Request
from faststream.rabbit import QueueType, RabbitBroker, RabbitQueue
from pydantic import BaseModel


class Data(BaseModel):
    """The record of a webhook."""

    id: str
    fields: dict[str, str]


class Webhook(BaseModel):
    """The design document's webhook."""

    event: str
    data: Data


def application(amqp_url: str, secret: bytes) -> FastAPI:
    """The application, connected when it starts."""
    broker = RabbitBroker(amqp_url)
    queue = RabbitQueue("peer.webhooks", queue_type=QueueType.QUORUM, durable=True)

    @asynccontextmanager
    async def connected(_app: FastAPI) -> AsyncIterator[None]:
        await broker.connect()
        await broker.declare_queue(queue)
        yield
        await broker.stop()

    app = FastAPI(lifespan=connected)

    @app.post("/webhook", status_code=202)
    async def receive(
        request: Request, webhook: Webhook, x_webhook_signature: Annotated[str, Header()]
    ) -> dict[str, str]:
        expected = "sha256=" + hmac.new(secret, await request.body(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, x_webhook_signature):
            raise HTTPException(401)
        await broker.publish(webhook, queue=queue, persist=True)
        return {"status": "accepted"}

    return app


if __name__ == "__main__":
    port, url, key = int(sys.argv[1]), sys.argv[2], sys.argv[3].encode()
    uvicorn.run(
        application(url, key), host="127.0.0.1", port=port, log_level="warning", loop="uvloop", http="httptools"
    )
