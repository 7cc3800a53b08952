"""How message bodies shrink, and what a body that claims to be compressed cannot do."""

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from hub.bus.glance import glance
from hub.bus.settlement import Delivery
from hub.contracts.cloudevents import Event, MalformedMessage, decode_batch, encode_batch, read_batch
from hub.contracts.compression import MAX_PLAIN_BYTES, NotDecompressible, compressed, is_compressed, plain


@given(st.binary(max_size=20), st.integers(1, 4000))
def test_every_body_comes_back(part: bytes, times: int) -> None:
    body = b"[" + part * times
    assert plain(compressed(body)) == body


def test_a_batch_shrinks_to_a_tenth_and_a_lone_event_travels_as_it_is() -> None:
    events = [Event("mpp.lead.received.v1", 1, "import/1", {"index": n}, "gateway") for n in range(500)]
    body, alone = encode_batch(events), encode_batch(events[:1])
    assert len(compressed(body)) * 8 < len(body)
    assert compressed(alone) == alone
    assert decode_batch(compressed(body)) == events
    assert compressed(compressed(body)) == compressed(body)


@pytest.mark.parametrize(
    "body",
    [
        zstd.compress(b"0" * (MAX_PLAIN_BYTES + 1)),
        zstd.compress(b"[]" * 5000)[:-3],
        zstd.compress(b"[]") + b"more",
        b"\x28\xb5\x2f\xfd",
        b"\x28\xb5\x2f\xfdnot a frame at all",
    ],
    ids=["a bomb", "cut short", "with a tail", "the beginning only", "nonsense"],
)
def test_what_cannot_be_unpacked_is_kept_as_it_came(body: bytes) -> None:
    assert is_compressed(body)
    with pytest.raises(NotDecompressible):
        plain(body)
    with pytest.raises(MalformedMessage):
        decode_batch(body)
    events, unreadable = read_batch(body)
    assert (events, [part.body for part in unreadable]) == ([], [body])


def test_one_bad_event_in_a_compressed_batch_costs_only_itself() -> None:
    good = [Event("t", 1, "s", {"n": n}, "x") for n in range(50)]
    body = compressed(encode_batch(good).replace(b"[", b'[{"id":"no type"},', 1))
    delivery = Delivery(body, None)
    assert is_compressed(body)
    assert delivery.events() == good
    assert [part.body for part in delivery.unreadable] == [b'[{"id": "no type"}]']
    assert glance(plain(body)) is not None
