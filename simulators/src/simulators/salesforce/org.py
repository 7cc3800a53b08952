"""One org: everything that its API and its people act upon."""

from simulators.kit.clock import Clock
from simulators.kit.deliveries import Deliveries
from simulators.kit.faults import Faults
from simulators.kit.ledger import Ledger
from simulators.salesforce.allowance import Allowance
from simulators.salesforce.bulk.jobs import Jobs
from simulators.salesforce.cursors import Cursors
from simulators.salesforce.events import Events
from simulators.salesforce.outbound import DEADLINE, PAUSES, Outbound
from simulators.salesforce.records import Records
from simulators.salesforce.rules import Actor, Rules
from simulators.salesforce.schema import Schema
from simulators.salesforce.seeding import ORG_ID, furnish
from simulators.salesforce.sessions import made_grants
from simulators.salesforce.soql.engine import Engine
from simulators.salesforce.store import Store

FAULTS = (
    "expired_session", "request_limit", "server_unavailable", "slow", "lock", "duplicate_rule", "row_error",
    "invalid_locator", "bulk_job_failed", "cdc_gap", "revoked_grant", "wrong_instance_url",
)  # fmt: skip


class Org:
    """The org. ``public_url`` is where its clients reach it; ``reset`` makes it anew."""

    def __init__(self) -> None:
        self.org_id = ORG_ID
        self.clock = Clock()
        self.ledger = Ledger()
        self.faults = Faults(FAULTS)
        self.grants = made_grants(self.clock, ORG_ID)
        self.deliveries = Deliveries(self.clock, PAUSES, deadline=DEADLINE)
        self.allowance = Allowance(self.clock, self.ledger)
        self.outbound = Outbound(self.deliveries, ORG_ID)
        self.events = Events(self.clock, self.faults, self.deliveries)
        self.cursors = Cursors(self.clock)
        self.jobs = Jobs(self.clock)
        self.public_url = ""
        self._found()

    def _found(self) -> None:
        self.schema = Schema()
        self.store = Store(self.schema)
        self.rules = Rules(self.faults)
        self.records = Records(self.schema, self.store, self.clock, self.rules)
        self.records.listeners += [self.events.hear, self.outbound.hear]
        self.engine = Engine(self.schema, self.store)
        self.created = self.clock.now()
        self.user = furnish(self.schema, self.store, self.clock)

    @property
    def person(self) -> Actor:
        """Somebody who works in the pages."""
        return Actor(self.user, by_api=False)

    def reachable(self, url: str) -> None:
        """Learn the address under which clients reach it."""
        self.public_url = self.outbound.public_url = url

    def reset(self) -> None:
        """A new org."""
        self._found()
        self.allowance.reset()
        self.cursors.reset()
        self.jobs.reset()
        self.outbound.reset()
        self.events.reset()
