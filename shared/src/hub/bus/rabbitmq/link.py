"""One connection to the broker, kept up: whatever ends it, a new one is made, with growing pauses."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import structlog
from aio_pika import connect
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError
from aiormq.abc import FieldTable

from hub.bus import metrics
from hub.bus.backoff import pauses
from hub.contracts.errors import Unavailable

# Everything that aio-pika raises when the broker, the connection or the channel is gone. RuntimeError: it says so
# when a connection is used between its loss and its close.
BROKER_AWAY = (AMQPError, ChannelInvalidStateError, OSError, TimeoutError, RuntimeError)
_CONNECT_SECONDS = 10.0
_HEARTBEAT_SECONDS = 20
_LONGEST_PAUSE = 5.0
_log = structlog.get_logger(__name__)


@contextmanager
def broker_may_be_away(doing: str) -> Iterator[None]:
    """Whatever aio-pika raises inside because the broker is gone becomes Unavailable.

    aiormq also *cancels* what waits on a channel when the channel ends; only our own cancellation goes on as such.
    """
    try:
        yield
    except BROKER_AWAY as error:
        raise Unavailable(f"the message broker went away while {doing}: {error!r}") from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise Unavailable(f"the message broker went away while {doing}") from error


@asynccontextmanager
async def while_connected(connection: AbstractConnection) -> AsyncIterator[None]:
    """What is awaited inside ends (TimeoutError) when the connection does: aiormq leaves some waits unanswered then."""
    async with asyncio.timeout(None) as scope:

        def lost(*_: object) -> None:
            if not over:
                scope.reschedule(asyncio.get_running_loop().time())

        over = False
        connection.close_callbacks.add(lost)
        if connection.is_closed:
            lost()
        try:
            yield
        finally:
            over = True
            with suppress(RuntimeError):  # the callbacks are just being called
                connection.close_callbacks.discard(lost)


class Link:
    """The connection and its publishing channel (with confirms). When either ends, both are made anew.

    Our own loop instead of aio-pika's robust connection: what is on its way when the broker dies must fail to its
    caller at once, and consumers must learn that what they hold is void.
    """

    def __init__(self, url: str, name: str, prepare: Callable[[AbstractConnection], Awaitable[None]]) -> None:
        self._url, self._name, self._prepare = url, name, prepare
        self._up = asyncio.Event()
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when the first connection is up and the topology declared."""
        self._keeper = self._keeper or asyncio.create_task(self._keep())
        await self._up.wait()

    async def stop(self) -> None:
        """Disconnect and stay so."""
        if self._keeper:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None

    def channel(self) -> AbstractChannel:
        """The publishing channel. Unavailable while there is none."""
        if self._channel is None:
            raise Unavailable("the message broker is away")
        return self._channel

    async def connection(self) -> AbstractConnection:
        """The connection, as soon as there is one."""
        while self._connection is None:
            await self._up.wait()
        return self._connection

    @property
    def is_up(self) -> bool:
        """Whether the broker is connected, as far as we know."""
        return self._up.is_set()

    async def _keep(self) -> None:
        waiting = pauses(longest=_LONGEST_PAUSE)
        while True:
            try:
                with broker_may_be_away("connecting"):
                    lost = await self._connect()
                waiting = pauses(longest=_LONGEST_PAUSE)
                await lost.wait()
                metrics.RECONNECTS.inc()
                _log.warning("bus.connection_lost", bus=self._name)
            except Unavailable as error:
                _log.warning("bus.connecting_failed", bus=self._name, error=error.message)
            except Exception:  # noqa: BLE001 - a link that ends would leave the service deaf without a word
                _log.exception("bus.link_failed", bus=self._name)
            finally:
                await self._drop()
            await asyncio.sleep(next(waiting))

    async def _connect(self) -> asyncio.Event:
        lost = asyncio.Event()
        properties: FieldTable = {"connection_name": self._name}
        connection = await connect(
            self._url, timeout=_CONNECT_SECONDS, heartbeat=_HEARTBEAT_SECONDS, client_properties=properties
        )
        self._connection = connection
        connection.close_callbacks.add(lambda *_: lost.set())
        async with asyncio.timeout(3 * _CONNECT_SECONDS):
            await self._prepare(connection)
            channel = await connection.channel()
            channel.close_callbacks.add(lambda *_: lost.set())
        self._channel = channel
        self._up.set()
        return lost

    async def _drop(self) -> None:
        self._up.clear()
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            with suppress(Unavailable), broker_may_be_away("disconnecting"):
                async with asyncio.timeout(_CONNECT_SECONDS):
                    await connection.close()
