"""Message bodies on their way: large ones travel as Zstandard (RFC 8878), content encoding ``zstd``.

The envelopes of one batch repeat each other: 500 events shrink to a fifteenth, at half a microsecond an event. A body
says itself whether it is compressed, since no JSON text begins like a Zstandard frame.
"""

from backports.zstd import ZstdDecompressor, ZstdError, compress

ENCODING = "zstd"
MAX_PLAIN_BYTES = 16_000_000  # what a body may grow to; our own publishers stay below two million
_MAGIC = b"\x28\xb5\x2f\xfd"
_LEVEL = 1
_FROM_BYTES = 1_500  # below, a body is one packet on the wire anyway


class NotDecompressible(Exception):
    """A body that begins as Zstandard and is not, or grows beyond ``MAX_PLAIN_BYTES``."""


def is_compressed(body: bytes) -> bool:
    """Whether ``plain`` would have to do anything."""
    return body[:4] == _MAGIC


def compressed(body: bytes) -> bytes:
    """The body as it travels; a small one, or one that is compressed already, as it is."""
    if len(body) < _FROM_BYTES or is_compressed(body):
        return body
    return compress(body, _LEVEL)


def plain(body: bytes) -> bytes:
    """The body as JSON text. Raises NotDecompressible."""
    if not is_compressed(body):
        return body
    frame = ZstdDecompressor()
    try:
        text = frame.decompress(body, max_length=MAX_PLAIN_BYTES)
    except ZstdError as error:
        raise NotDecompressible(f"not Zstandard: {error}") from None
    if not frame.eof:
        raise NotDecompressible(f"cut short, or larger than {MAX_PLAIN_BYTES} bytes")
    if frame.unused_data:
        raise NotDecompressible("something follows the Zstandard frame")
    return text
