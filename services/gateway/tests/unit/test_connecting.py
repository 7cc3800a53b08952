"""What may be connected, where browsers may be sent, how far a run is: the pure decisions."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.connecting import (
    allowed_redirects,
    check_redirect,
    check_return,
    checked_config,
    find_connector,
    free_name,
    with_query,
)
from gateway.domain.csv_cells import cell
from gateway.domain.progress import progress
from hub.contracts.errors import Invalid
from hub.contracts.schedule import next_run
from hub.registry import CONNECTORS

ALLOWED = allowed_redirects("https://a.test/back, https://b.test:8443/x", "https://hub.test")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_redirects_are_the_gateways_own_and_those_listed() -> None:
    own = "https://hub.test/api/v1/crm/oauth/callback"
    assert (own, "https://a.test/back", "https://b.test:8443/x") == ALLOWED
    assert check_redirect(None, ALLOWED, "https://hub.test") == own
    assert check_redirect("https://a.test/back", ALLOWED, "") == "https://a.test/back"
    assert allowed_redirects("", "") == ()
    for wrong in (None, "", "https://a.test/BACK", "https://a.test/back#x", "https://a.test/back "):
        with pytest.raises(Invalid):
            check_redirect(wrong, ALLOWED[1:], "")


@given(st.text(max_size=40))
def test_nothing_but_a_listed_origin_is_returned_to(text: str) -> None:
    address = f"https://a.test{text}"
    try:
        check_return(address, ALLOWED)
    except Invalid:
        return
    parts = urlsplit(address)
    assert (parts.scheme, parts.hostname, parts.username) == ("https", "a.test", None)
    assert (parts.port or 443) == 443
    assert not set(address) & set('\\ \t\r\n"<>')


@pytest.mark.parametrize("address", ["https://a.test/x?y=1#z", "https://B.test:8443/", "https://hub.test:443/dash"])
def test_where_a_browser_may_go_back_to(address: str) -> None:
    assert check_return(address, ALLOWED) == address
    assert check_return(None, ()) is None


def test_parameters_are_added_to_those_that_are_there() -> None:
    address = with_query("https://a.test/x?tab=crm&empty=#part", {"status": "denied & done"})
    assert parse_qs(urlsplit(address).query, keep_blank_values=True) == {
        "tab": ["crm"], "empty": [""], "status": ["denied & done"],
    }  # fmt: skip


def test_names_that_are_taken_get_a_number() -> None:
    assert free_name("Salesforce", []) == "Salesforce"
    assert free_name("Salesforce", ["Salesforce", "Salesforce 2", "Salesforce X"]) == "Salesforce 3"


@pytest.mark.parametrize("crm_type", sorted(CONNECTORS))
def test_ways_to_connect_are_those_of_the_manifest(crm_type: str) -> None:
    connector = CONNECTORS[crm_type]
    for way in ("api_key", "oauth2"):
        if way in connector.manifest.auth_types:
            assert find_connector(CONNECTORS, crm_type, way) is connector
        else:
            with pytest.raises(Invalid):
                find_connector(CONNECTORS, crm_type, way)


def test_the_design_documents_configurations_are_good_as_they_stand() -> None:
    salesforce = {
        "crm_type": "salesforce", "auth_type": "oauth2", "instance_url": "https://mycompany.salesforce.com",
        "api_version": "v57.0", "objects": {"lead": "Lead", "contact": "Contact", "opportunity": "Opportunity"},
    }  # fmt: skip
    hubspot = {
        "crm_type": "hubspot", "auth_type": "oauth2", "portal_id": "12345678",
        "scopes": ["crm.objects.contacts.read", "crm.objects.contacts.write"],
    }  # fmt: skip
    for config in (salesforce, hubspot):
        assert checked_config(CONNECTORS[str(config["crm_type"])], "oauth2", config) == config


@pytest.mark.parametrize(
    ("schedule", "following"),
    [("hourly", timedelta(hours=1)), ("daily", timedelta(days=1)), ("*/15 * * * *", timedelta(minutes=15))],
)
def test_schedules(schedule: str, following: timedelta) -> None:
    assert next_run(schedule, NOW) == NOW + following
    assert next_run("manual", NOW) is None


@pytest.mark.parametrize("schedule", ["", "never", "* * * *", "61 * * * *", "0 0 31 2 *"])
def test_what_is_no_schedule(schedule: str) -> None:
    with pytest.raises(ValueError, match=r"hourly|cron"):
        next_run(schedule, NOW)


def test_progress_says_what_is_known() -> None:
    later = NOW + timedelta(seconds=10)
    assert progress(0, None, None, None, ended=False) == {"percent": None, "rate": None, "eta_seconds": None}
    assert progress(100, None, NOW, later, ended=False) == {"percent": None, "rate": 10.0, "eta_seconds": None}
    assert progress(100, 1000, NOW, later, ended=False) == {"percent": 10.0, "rate": 10.0, "eta_seconds": 90.0}
    assert progress(1001, 1000, NOW, later, ended=False) == {"percent": 99.9, "rate": 100.1, "eta_seconds": 0.0}
    assert progress(3, 0, NOW, NOW, ended=True)["percent"] == 100.0


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-2+3", "@x", "\t=1"])
def test_a_spreadsheet_runs_nothing(text: str) -> None:
    assert cell(text) == "'" + text
    assert (cell("+12105550123"), cell(-5), cell({}), cell(["a"])) == ("+12105550123", -5, "", '["a"]')
