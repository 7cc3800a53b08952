"""Deliveries in hand, one lane per subscription: what waits to be sent, what is being sent, and the lane's pace."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from webhook_dispatcher.domain.delivery import Delivery
from webhook_dispatcher.domain.pace import Pace


@dataclass(slots=True)
class Lane:
    """One subscription's deliveries in this process."""

    pace: Pace
    waiting: deque[Delivery] = field(default_factory=deque)
    sending: int = 0
    hungry: bool = False  # the last claim found rows for it, so there may be more

    @property
    def in_hand(self) -> int:
        """Claimed and not finished."""
        return len(self.waiting) + self.sending

    def next(self) -> Delivery | None:
        """The delivery to send now, if the pace allows one."""
        return self.waiting.popleft() if self.waiting and self.sending < self.pace.limit else None

    @property
    def wants_more(self) -> bool:
        """Whether it will soon have nothing to send although there may be more."""
        return self.hungry and self.in_hand <= self.pace.limit


class Lanes:
    """The lanes by subscription id. Those that are idle and in no trouble are forgotten."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lanes: dict[int, Lane] = {}

    @property
    def in_hand(self) -> int:
        """Deliveries claimed and not finished, over all lanes."""
        return sum(lane.in_hand for lane in self._lanes.values())

    @property
    def usual_allowance(self) -> int:
        """What a subscription without a lane may be given."""
        return Pace(self._most).allowance(0, 0.0)

    def of(self, delivery: Delivery) -> Lane:
        """The delivery's lane."""
        lane = self._lanes.get(delivery.subscription_id)
        if lane is None:
            lane = self._lanes[delivery.subscription_id] = Lane(Pace(self._most))
        return lane

    def allowances(self, now: float) -> dict[int, int]:
        """How much each lane may be given, by subscription id."""
        idle = [number for number, lane in self._lanes.items() if not lane.in_hand and lane.pace.usual]
        for number in idle:
            del self._lanes[number]
        allowed = {number: lane.pace.allowance(lane.in_hand, now) for number, lane in self._lanes.items()}
        for number, allowance in allowed.items():
            if allowance:
                self._lanes[number].hungry = False  # until this claim finds something for it
        return allowed

    def fill(self, deliveries: Iterable[Delivery]) -> list[Lane]:
        """Put claimed deliveries into their lanes; returns the lanes that got some."""
        filled: dict[int, Lane] = {}
        for delivery in deliveries:
            lane = filled[delivery.subscription_id] = self.of(delivery)
            lane.waiting.append(delivery)
            lane.hungry = True
        return list(filled.values())

    def empty(self) -> list[Delivery]:
        """Take out everything that waits."""
        taken = [delivery for lane in self._lanes.values() for delivery in lane.waiting]
        for lane in self._lanes.values():
            lane.waiting.clear()
        return taken
