"""``hubctl run``: the whole hub on this machine."""


def run() -> None:
    """Start."""
