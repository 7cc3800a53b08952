"""SOQL against a few records whose answers can be counted by hand."""

from datetime import UTC, datetime
from typing import Any

import pytest

from simulators.kit.clock import Clock
from simulators.kit.faults import Faults
from simulators.salesforce.errors import Refused
from simulators.salesforce.records import Records
from simulators.salesforce.rules import Actor, Rules
from simulators.salesforce.schema import Schema
from simulators.salesforce.seeding import furnish
from simulators.salesforce.soql.engine import Engine
from simulators.salesforce.store import Store

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
PEOPLE: tuple[dict[str, Any], ...] = (
    {"LastName": "adams", "Email": "A@x.com", "NumberOfEmployees": 5, "Interests__c": "Dental;Vision"},
    {"LastName": "Brown", "Email": "b@x.com", "NumberOfEmployees": 50, "City": "50%_off", "Interests__c": "Life"},
    {"LastName": "Çelik", "City": "O'Fallon", "Date_of_Birth__c": "1990-01-01", "HasOptedOutOfEmail": True},
    {"LastName": "Das", "Email": "d@y.com", "NumberOfEmployees": 7, "ExtId__c": "E-4"},
)


@pytest.fixture(scope="module")
def engine() -> Engine:
    """An engine over the people, created at noon, three seconds apart."""
    schema, clock = Schema(), Clock()
    clock.set(NOW)
    store = Store(schema)
    user = furnish(schema, store, clock)
    records = Records(schema, store, clock, Rules(Faults()))
    for person in PEOPLE:
        records.create(schema.needed("Lead"), {"Company": "Acme", **person}, Actor(user))
        clock.advance(3)
    return Engine(schema, store)


def letters(engine: Engine, rest: str) -> str:
    """The initials of who is found, in order."""
    # SOQL of this test's own making; no database hears it.
    rows = engine.run(f"SELECT LastName FROM Lead {rest}", NOW).page(0, 100, "60.0")  # noqa: S608
    return "".join(row["LastName"][0] for row in rows)


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("LastName = 'ADAMS'", "a"), ("LastName != 'adams'", "BÇD"), ("Email = null", "Ç"), ("Email != null", "aBD"),
        ("NumberOfEmployees > 5", "BD"), ("NumberOfEmployees <= 7 AND Email LIKE '%@x.com'", "a"),
        ("(LastName = 'das' OR LastName = 'brown') AND NumberOfEmployees < 10", "D"),
        ("NOT (LastName = 'das' OR LastName = 'brown')", "aÇ"), ("NOT Email = null", "aBD"),
        ("Email IN ('a@X.com', 'd@y.com')", "aD"), ("Email NOT IN ('a@x.com')", "BÇD"),
        ("City LIKE '50\\%\\_%'", "B"), ("City = 'O\\'Fallon'", "Ç"), ("LastName LIKE '_das'", ""),
        ("LastName LIKE 'DA_'", "D"), ("HasOptedOutOfEmail = TRUE", "Ç"), ("Date_of_Birth__c < 2000-01-01", "Ç"),
        ("CreatedDate = TODAY", "aBÇD"), ("CreatedDate < TODAY", ""), ("CreatedDate = LAST_N_DAYS:3", "aBÇD"),
        ("CreatedDate > LAST_MONTH", "aBÇD"), ("Date_of_Birth__c = LAST_N_DAYS:3", ""),
        ("SystemModstamp > 2026-03-04T12:00:03Z", "ÇD"), ("SystemModstamp >= 2026-03-04T13:00:03+01:00", "BÇD"),
        ("SystemModstamp >= 2026-03-04T12:00:03.500+0000", "ÇD"), ("LastModifiedDate = 2026-03-04T12:00:00Z", "a"),
        ("Interests__c INCLUDES ('Vision', 'Life')", "aB"), ("Interests__c INCLUDES ('Dental;Vision')", "a"),
        ("Interests__c EXCLUDES ('Dental')", "BÇD"), ("ExtId__c = 'e-4'", "D"),
        ("ExtId__c IN ('e-4') OR City = ''", "D"),
        ("Owner.Name = 'Integration User' AND LastName LIKE 'b%'", "B"), ("Owner.Username LIKE 'agent%'", ""),
    ],
)  # fmt: skip
def test_where(engine: Engine, where: str, found: str) -> None:
    assert letters(engine, f"WHERE {where}") == found


@pytest.mark.parametrize(
    ("rest", "found"),
    [
        ("ORDER BY LastName", "aBDÇ"), ("ORDER BY LastName DESC", "ÇDBa"), ("ORDER BY NumberOfEmployees", "ÇaDB"),
        ("ORDER BY NumberOfEmployees DESC NULLS LAST", "BDaÇ"), ("ORDER BY SystemModstamp DESC LIMIT 2", "DÇ"),
        ("ORDER BY SystemModstamp ASC, Id ASC LIMIT 2", "aB"), ("ORDER BY Id LIMIT 2 OFFSET 1", "BÇ"),
        ("ORDER BY Company, LastName DESC", "ÇDBa"), ("WHERE Email != null ORDER BY Email DESC", "DBa"),
        ("limit 1", "a"), ("FOR VIEW", "aBÇD"),
    ],
)  # fmt: skip
def test_order_and_limit(engine: Engine, rest: str, found: str) -> None:
    assert letters(engine, rest) == found


def test_select(engine: Engine) -> None:
    result = engine.run("SELECT id, name, Owner.Email, ReportsTo__c FROM Lead".replace(", ReportsTo__c", ""), NOW)
    row = result.page(0, 1, "57.0")[0]
    assert list(row) == ["attributes", "Id", "Name", "Owner"]
    assert row["attributes"]["url"].startswith("/services/data/v57.0/sobjects/Lead/00Q")
    assert row["Owner"]["Email"] == "integration@hub.example.com"
    row = engine.run("SELECT FIELDS(ALL) FROM Lead LIMIT 1", NOW).page(0, 1, "60.0")[0]
    assert {"Id", "Email", "ExtId__c", "Address"} <= set(row)
    rows = engine.run("SELECT COUNT(Id) n, MAX(NumberOfEmployees), AVG(NumberOfEmployees) a FROM Lead", NOW).rows
    assert [(each["n"], each["expr0"], round(each["a"], 1)) for each in rows] == [(4, 50, 20.7)]
    rows = engine.run("SELECT Email, COUNT(Id) FROM Lead WHERE Email LIKE '%x.com' GROUP BY Email", NOW).rows
    assert [each["Email"] for each in rows] == ["A@x.com", "b@x.com"]


@pytest.mark.parametrize(
    ("query", "code", "complaint"),
    [
        ("SELECT Id FROM Lead WHERE", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("SELECT Id Lead", "MALFORMED_QUERY", "unexpected token: 'Lead'"),
        ("SELECT Id FROM Lead WHERE Id = 'x' OR Id = 'y' AND Id = 'z'", "MALFORMED_QUERY", "unexpected token: 'AND'"),
        ("SELECT Id FROM Lead WHERE CreatedDate > 2026-03-04T12:00:00 0000", "MALFORMED_QUERY", "unexpected token"),
        ("SELECT Id FROM Lead WHERE CreatedDate > '2026-03-04T12:00:00Z'", "INVALID_FIELD", "should not be enclosed"),
        ("SELECT Id FROM Lead WHERE CreatedDate > 2026-03-04", "INVALID_FIELD", "must be of type dateTime"),
        ("SELECT Id FROM Lead WHERE LastName = 5", "INVALID_FIELD", "should be enclosed in quotes"),
        ("SELECT Id FROM Lead WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: x"),
        ("SELECT Id FROM Lead WHERE CreatedDate = SOMEDAY", "MALFORMED_QUERY", "SOMEDAY"),
        ("SELECT Id FROM Lead WHERE Nope = 1", "INVALID_FIELD", "No such column 'Nope' on entity 'Lead'"),
        ("SELECT Nope.Name FROM Lead", "INVALID_FIELD", "Didn't understand relationship 'Nope'"),
        ("SELECT Id FROM Leads", "INVALID_TYPE", "sObject type 'Leads' is not supported"),
        ("SELECT Id, Id FROM Lead", "MALFORMED_QUERY", "duplicate field selected: Id"),
        ("SELECT FIELDS(ALL) FROM Lead", "MALFORMED_QUERY", "LIMIT"),
        ("SELECT LastName, COUNT(Id) FROM Lead", "MALFORMED_QUERY", "Field must be grouped"),
        ("SELECT Id FROM Lead LIMIT x", "MALFORMED_QUERY", "unexpected token: 'x'"),
        ("SELECT Id FROM Lead OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000"),
        ("SELECT Id FROM Lead WHERE Address = 'x'", "INVALID_FIELD", "can not be filtered"),
        ("SELECT Id FROM Lead; DROP", "MALFORMED_QUERY", "unexpected token: ';"),
    ],
)
def test_refusals(engine: Engine, query: str, code: str, complaint: str) -> None:
    with pytest.raises(Refused) as refused:
        engine.run(query, NOW)
    assert refused.value.code == code
    assert complaint in str(refused.value)
