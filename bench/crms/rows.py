"""Salesforce, HubSpot and Pipedrive as rows of the table: calls by the simulated vendors' own count."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.crms import free, throttled
from bench.crms.free import Economy, Work
from bench.crms.throttled import Day, Narrow, Use
from bench.crms.watch import Ceiling
from bench.house import running
from bench.report import Row
from hub.local.hub import LocalHub
from hubctl.trial.vendors import VENDORS, SimulatedVendor

_MOST_CALLS = {"salesforce": 6, "hubspot": 12}  # for 1,000 changed leads


def rows(quick: bool) -> list[Row]:
    """Each vendor under its usual limits, then under narrow ones."""
    found: list[Row] = []
    with _vendors() as (hub, vendors):
        for vendor in vendors:
            found += _economy(vendor, asyncio.run(free.measure(hub, vendor, 1_000 if quick else 10_000)))
        salesforce, hubspot, pipedrive = vendors
        for each, pull, push in ((hubspot, *_hubspot(quick)), (pipedrive, *_pipedrive(quick))):
            pulled, pushed = asyncio.run(throttled.measure(hub, each, pull, push))
            found += [_use(each, "pull", pulled), _use(each, "push", pushed)]
            found.append(_never_refused(each, [pulled, pushed]))
        days = {
            "pull": asyncio.run(throttled.read_until_the_day_is_over(hub, salesforce)),
            "push": asyncio.run(throttled.push_until_the_day_is_over(hub, salesforce)),
        }
        found += [_day(salesforce, what, day) for what, day in days.items()]
        found.append(_never_refused(salesforce, list(days.values())))
        found.append(_left(salesforce, min(day.left for day in days.values())))
    return found


@contextmanager
def _vendors() -> Iterator[tuple[LocalHub, list[SimulatedVendor]]]:
    """All three, and a hub that knows them."""
    with tempfile.TemporaryDirectory(prefix="crmhub-bench-") as folder, ExitStack() as stack:
        vendors = [SimulatedVendor(vendor, Path(folder) / f"{name}.log") for name, vendor in VENDORS.items()]
        settings: dict[str, str] = {}
        for vendor in vendors:
            stack.callback(vendor.stop)
            vendor.start()
            vendor.wait_ready()
            settings |= vendor.settings()
        yield stack.enter_context(running("embedded", settings=settings)).hub, vendors


def _hubspot(quick: bool) -> tuple[Narrow, Narrow]:
    """A hundred records a call, either way."""
    calls = 15 if quick else 30
    narrow = Narrow(Ceiling(calls, 10.0), 3_000 if quick else 10_000, {"burst": calls})
    return narrow, narrow


def _pipedrive(quick: bool) -> tuple[Narrow, Narrow]:
    """Five hundred records a call to read, one to write."""
    reading = Narrow(Ceiling(4, 2.0), 5_000 if quick else 10_000, {"burst": 4})
    return reading, Narrow(Ceiling(40, 2.0), 200 if quick else 500, {"burst": 40})


def _economy(vendor: SimulatedVendor, found: Economy) -> list[Row]:
    title, most = vendor.vendor.title, _MOST_CALLS.get(vendor.vendor.crm_type)
    works = {
        f"first reading of {found.backfill.records:,}": found.backfill,
        f"{found.push.records:,} changes pushed": found.push,
        f"{found.pull.records:,} changes pulled": found.pull,
    }
    told = [_work(f"{title}: {what}", work) for what, work in works.items()]
    few = f"{title}: calls for {found.few.records:,} changed leads"
    if most is None:  # it takes one record a call
        told.append(Row(few, f"{found.few.calls:,}", f"{found.few.records:,}", found.few.calls / found.few.records))
    else:
        told.append(Row(few, f"{found.few.calls:,}", f"{most}", found.few.calls / most, "≤", 1))
    refused = sum(work.refused for work in (*works.values(), found.few))
    told.append(Row(f"{title}, usual limits: calls refused", f"{refused:,}", "0", float(refused), "≤", 0))
    return told


def _work(what: str, work: Work) -> Row:
    return Row(
        what, f"{work.rate:,.0f} records/s, {work.calls:,} calls", f"a call a record {work.records:,}",
        work.calls / work.records,
    )  # fmt: skip


def _use(vendor: SimulatedVendor, what: str, use: Use) -> Row:
    rate = use.ceiling.calls / use.ceiling.seconds
    hub = f"{rate * use.share:.2f} calls/s ({use.calls:,} calls, {use.peak:.0f} in the fullest window)"
    against = f"ceiling {rate:.2f}: {use.ceiling.calls} in {use.ceiling.seconds:.0f} s"
    return Row(f"{vendor.vendor.title} throttled: {what}", hub, against, use.share, "≥", 0.9)


def _day(vendor: SimulatedVendor, what: str, day: Day) -> Row:
    against = f"the hub's part of the day {day.calls / day.share:.0f}"
    title = f"{vendor.vendor.title}, a short day: {what}"
    return Row(title, f"{day.calls} calls", against, day.share, "≥", 0.9)


def _left(vendor: SimulatedVendor, left: float) -> Row:
    reserve = throttled.RESERVE
    title = f"{vendor.vendor.title}, a short day: left to the customer"
    return Row(title, f"{left:.1%} of the day's calls", f"{reserve:.0%}", left / reserve, "≥", 1)


def _never_refused(vendor: SimulatedVendor, uses: list[Use] | list[Day]) -> Row:
    refused = sum(use.refused for use in uses)
    return Row(f"{vendor.vendor.title} throttled: calls refused", f"{refused}", "0", float(refused), "≤", 0)
