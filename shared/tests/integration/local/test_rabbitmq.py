"""A private RabbitMQ node: its data outlives it, its processes do not."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import aio_pika
import psutil

from hub.local.rabbitmq import LocalRabbitMQ

_KEEPS_A_NODE = """
import sys, time
from pathlib import Path
from hub.local.rabbitmq import LocalRabbitMQ
node = LocalRabbitMQ(Path(sys.argv[1]))
node.start()
print(node.port, flush=True)
time.sleep(600)
"""


def _processes(folder: Path) -> list[int]:
    """Everything that was started for a node in this folder, its port mapper included."""
    home = f"HOME={folder}".encode()
    found = []
    for process in psutil.process_iter():
        try:
            environment = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if home in environment and process.status() != psutil.STATUS_ZOMBIE:
            found.append(process.pid)
    return found


def _wait(condition: Callable[[], bool], within: float) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


async def _publish(url: str, body: bytes) -> None:
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue("kept", durable=True)
        message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, queue.name)


async def _read(url: str) -> bytes:
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue("kept")
        return (await queue.get()).body


async def test_a_node_keeps_its_data_on_another_port_and_leaves_no_process(tmp_path: Path) -> None:
    node = LocalRabbitMQ(tmp_path / "node")
    node.start()
    pid = node.pid
    assert pid is not None
    assert all(each.laddr.ip == "127.0.0.1" for each in psutil.Process(pid).net_connections("inet"))
    await _publish(node.url, b"kept")
    node.stop()
    assert not psutil.pid_exists(pid)
    assert _processes(tmp_path / "node") == []
    other = LocalRabbitMQ(tmp_path / "node")
    other.start()
    assert await _read(other.url) == b"kept"
    other.stop()
    assert _processes(tmp_path / "node") == []


def test_a_node_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    folder = tmp_path / "node"
    parent = subprocess.Popen([sys.executable, "-c", _KEEPS_A_NODE, str(folder)], stdout=subprocess.PIPE)
    try:
        assert parent.stdout is not None
        assert int(parent.stdout.readline()) > 0
        assert _processes(folder)
    finally:
        parent.kill()
        parent.wait()
    _wait(lambda: not _processes(folder), 20)
    assert (folder / "mnesia").exists()
