"""Calls to URLs that somebody else chose: customers' CRMs and webhook subscribers."""

from hub.egress.http import EgressRefused, VettingResolver, open_session, refused
from hub.egress.policy import EgressPolicy

__all__ = ["EgressPolicy", "EgressRefused", "VettingResolver", "open_session", "refused"]
