"""The simulated Salesforce as simple-salesforce, a client that others wrote, sees it."""

import asyncio
import csv
import io
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from requests.adapters import HTTPAdapter
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceOperationError,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)

from simulators.kit.serving import Running
from simulators.salesforce.app import running


class Plain(HTTPAdapter):
    """The client insists on https; the simulator speaks http."""

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        assert request.url
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, *args, **options)


@pytest.fixture
async def sf(crm: Running) -> Any:
    """The client, signed in."""
    http = requests.Session()
    http.trust_env = False
    http.mount("https://", Plain())
    token = crm.world.grants.grant("hub-client", "api").access_token
    return Salesforce(instance_url=crm.url, session_id=token, version="60.0", session=http)


def seed(crm: Running, count: int, kind: str = "Lead") -> None:
    """Leads that were there before."""
    crm.world.seed(kind, count, None, 1)


def self_signed(folder: Path) -> Path:
    """A certificate for this machine and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "simulated Salesforce")])
    now = datetime.now(UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    certificate = made.add_extension(here, critical=False).sign(key, hashes.SHA256())
    path = folder / "tls.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(certificate.public_bytes(Encoding.PEM) + secret)
    return path


async def test_over_tls_the_client_needs_no_adapter(tmp_path: Path) -> None:
    certificate = await asyncio.to_thread(self_signed, tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    async with running(tls=tls) as crm:
        http = requests.Session()
        http.trust_env = False
        http.verify = str(certificate)
        token = crm.world.grants.grant("hub-client", "api").access_token
        sf: Any = Salesforce(instance_url=crm.url, session_id=token, session=http)
        made = await asyncio.to_thread(sf.Lead.create, {"LastName": "Li", "Company": "Acme"})
        assert made["success"]


async def test_a_record_s_life(sf: Any) -> None:
    def drive() -> None:
        made = sf.Lead.create({"LastName": "Núñez", "Company": "Acme", "Email": "ana@example.com", "ExtId__c": "E 1/2"})
        assert made == {"id": made["id"], "success": True, "errors": []}
        assert len(made["id"]) == 18
        lead = sf.Lead.get(made["id"])
        assert lead["attributes"] == {"type": "Lead", "url": f"/services/data/v60.0/sobjects/Lead/{made['id']}"}
        assert (lead["Name"], lead["Status"], lead["IsConverted"]) == ("Núñez", "Open - Not Contacted", False)
        assert datetime.strptime(lead["CreatedDate"], "%Y-%m-%dT%H:%M:%S.000%z")
        assert sf.Lead.update(made["id"], {"FirstName": "Ana", "Email": None}) == 204
        lead = sf.Lead.get(made["id"][:15], params={"fields": "name,Email"})
        assert (lead["Name"], lead["Email"]) == ("Ana Núñez", None)
        assert sf.Lead.delete(made["id"]) == 204
        with pytest.raises(SalesforceResourceNotFound):
            sf.Lead.get(made["id"])

    await asyncio.to_thread(drive)


async def test_upserts_by_external_id(crm: Running, sf: Any) -> None:
    def drive() -> None:
        draft = {"LastName": "Li", "Company": "Acme"}
        assert sf.Lead.upsert("ExtId__c/E-1", draft) == 201
        assert sf.Lead.upsert("ExtId__c/e-1", {"FirstName": "Wei"}) == 200
        answer = sf.Lead.upsert("ExtId__c/E-1", {"Title": "Owner"}, raw_response=True)
        assert answer.json() == {"id": answer.json()["id"], "success": True, "errors": [], "created": False}
        assert sf.Lead.get_by_custom_id("ExtId__c", "E-1")["FirstName"] == "Wei"
        sf.Lead.create({**draft, "ExtId__c": "E-1"})
        with pytest.raises(SalesforceMoreThanOneRecord) as ambiguous:
            sf.Lead.upsert("ExtId__c/E-1", draft)
        urls: Any = ambiguous.value.content
        assert [url.rpartition("/")[0] for url in urls] == [
            "/services/data/v60.0/sobjects/Lead",
            "/services/data/v60.0/sobjects/Lead",
        ]
        with pytest.raises(SalesforceMalformedRequest, match="should not be specified"):
            sf.Lead.upsert("ExtId__c/E-2", {**draft, "ExtId__c": "E-2"})
        with pytest.raises(SalesforceResourceNotFound, match="does not exist or is not accessible: Nope__c"):
            sf.Lead.upsert("Nope__c/1", draft)

    await asyncio.to_thread(drive)


async def test_queries_are_paged(crm: Running, sf: Any) -> None:
    seed(crm, 4500)

    def drive() -> None:
        first = sf.query("SELECT Id, Name FROM Lead ORDER BY SystemModstamp, Id")
        assert (first["totalSize"], first["done"], len(first["records"])) == (4500, False, 2000)
        assert first["nextRecordsUrl"].startswith("/services/data/v60.0/query/01g")
        last = sf.query_more(sf.query_more(first["nextRecordsUrl"], identifier_is_url=True)["nextRecordsUrl"], True)
        assert (last["done"], len(last["records"])) == (True, 500)
        assert "nextRecordsUrl" not in last
        everything = sf.query_all("SELECT Id FROM Lead", headers={"Sforce-Query-Options": "batchSize=200"})
        assert len({each["Id"] for each in everything["records"]}) == 4500
        assert sf.query("SELECT COUNT() FROM Lead")["totalSize"] == 4500
        counted = sf.query("SELECT Status, COUNT(Id) FROM Lead GROUP BY Status")["records"]
        assert sum(each["expr0"] for each in counted) == 4500
        owners = sf.query("SELECT Id, Owner.Name FROM Lead LIMIT 3")["records"]
        assert all(each["Owner"]["attributes"]["type"] == "User" for each in owners)

    await asyncio.to_thread(drive)


async def test_deleted_and_updated(sf: Any) -> None:
    def drive() -> None:
        ids = [sf.Lead.create({"LastName": name, "Company": "Acme"})["id"] for name in ("A", "B")]
        sf.Lead.delete(ids[0])
        start, end = datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(minutes=5)
        gone = sf.Lead.deleted(start, end)
        assert [each["id"] for each in gone["deletedRecords"]] == [ids[0]]
        assert sf.Lead.updated(start, end)["ids"] == [ids[1]]
        assert sf.query("SELECT Id FROM Lead")["totalSize"] == 1
        rows = sf.query("SELECT Id, IsDeleted FROM Lead WHERE IsDeleted = TRUE", include_deleted=True)["records"]
        assert [(each["Id"], each["IsDeleted"]) for each in rows] == [(ids[0], True)]
        with pytest.raises(SalesforceMalformedRequest, match="INVALID_REPLICATION_DATE"):
            sf.Lead.deleted(start - timedelta(days=60), end)

    await asyncio.to_thread(drive)


async def test_describe_limits_search(crm: Running, sf: Any) -> None:
    seed(crm, 50)

    def drive() -> None:
        described = sf.describe()
        assert described["maxBatchSize"] == 200
        assert {"Lead", "Contact", "Account", "Opportunity", "User"} <= {each["name"] for each in described["sobjects"]}
        fields = {each["name"]: each for each in sf.Lead.describe()["fields"]}
        needed = {
            name for name, each in fields.items()
            if each["createable"] and not each["nillable"] and not each["defaultedOnCreate"]
        }  # fmt: skip
        assert needed == {"LastName", "Company"}
        assert fields["ExtId__c"]["externalId"]
        assert fields["OwnerId"]["referenceTo"] == ["Group", "User"]
        assert [each["value"] for each in fields["Status"]["picklistValues"] if each["defaultValue"]] == [
            "Open - Not Contacted"
        ]
        assert sf.limits()["DailyApiRequests"]["Max"] == 15000
        assert sf.api_usage["api-usage"].total == 15000
        assert sf.Lead.metadata()["objectDescribe"]["keyPrefix"] == "00Q"
        email = sf.query("SELECT Email FROM Lead LIMIT 1")["records"][0]["Email"]
        assert len(sf.quick_search(email)["searchRecords"]) == 1
        found = sf.search(f"FIND {{{email}}} IN EMAIL FIELDS RETURNING Lead(Id, Email)")["searchRecords"]
        assert [each["Email"] for each in found] == [email]

    await asyncio.to_thread(drive)


async def test_errors_have_their_classes(crm: Running, sf: Any) -> None:
    def drive() -> None:
        with pytest.raises(SalesforceMalformedRequest) as missing:
            sf.Lead.create({"FirstName": "Ana"})
        error: Any = missing.value.content
        assert error[0]["errorCode"] == "REQUIRED_FIELD_MISSING"
        assert set(error[0]["fields"]) == {"LastName", "Company"}
        with pytest.raises(SalesforceMalformedRequest, match="INVALID_EMAIL_ADDRESS"):
            sf.Lead.create({"LastName": "A", "Company": "B", "Email": "x"})
        with pytest.raises(SalesforceMalformedRequest, match="MALFORMED_QUERY"):
            sf.query("SELECT Id FROM Lead WHER Id = 1")
        with pytest.raises(SalesforceResourceNotFound):
            sf.Nothing.get("00Q5e0000000001EAA")
        crm.world.limits({"daily": 0})
        with pytest.raises(SalesforceRefusedRequest, match="REQUEST_LIMIT_EXCEEDED"):
            sf.query("SELECT Id FROM Lead")
        crm.world.limits({"daily": None})
        crm.world.grants.expire("all")
        with pytest.raises(SalesforceExpiredSession, match="Session expired or invalid"):
            sf.query("SELECT Id FROM Lead")

    await asyncio.to_thread(drive)


async def test_bulk_ingest(sf: Any) -> None:
    rows = [
        {"ExtId__c": f"E-{number}", "LastName": f'Lé "{number}", Jr.', "Company": "" if number == 7 else "Acme"}
        for number in range(450)
    ]  # fmt: skip

    def drive() -> None:
        (job,) = sf.bulk2.Lead.upsert(records=rows, external_id_field="ExtId__c", wait=0.05)
        assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (450, 1)
        failed = list(csv.DictReader(io.StringIO(sf.bulk2.Lead.get_failed_records(job["job_id"]))))
        assert [(each["ExtId__c"], each["sf__Error"]) for each in failed] == [
            ("E-7", "REQUIRED_FIELD_MISSING:Required fields are missing: [Company]:Company --")
        ]
        done = list(csv.DictReader(io.StringIO(sf.bulk2.Lead.get_successful_records(job["job_id"]))))
        assert {each["sf__Created"] for each in done} == {"true"}
        assert {each["LastName"] for each in done} >= {'Lé "8", Jr.'}
        assert len(sf.bulk2.Lead.get_unprocessed_records(job["job_id"]).splitlines()) == 1

        changes = [{"Id": each["sf__Id"], "Title": "#N/A", "FirstName": "Ana"} for each in done]
        (job,) = sf.bulk2.Lead.update(records=changes, wait=0.05)
        assert job["numberRecordsFailed"] == 0
        assert sf.query("SELECT COUNT() FROM Lead WHERE FirstName = 'ana'")["totalSize"] == 449
        (job,) = sf.bulk2.Lead.delete(records=[{"Id": each["sf__Id"]} for each in done[:100]], wait=0.05)
        assert sf.query("SELECT COUNT() FROM Lead")["totalSize"] == 349
        with pytest.raises(SalesforceOperationError, match="Field name not found : Nope"):
            sf.bulk2.Lead.insert(records=[{"LastName": "A", "Nope": "B"}], wait=0.05)

    await asyncio.to_thread(drive)


async def test_bulk_query_in_pages(crm: Running, sf: Any, tmp_path: Path) -> None:
    seed(crm, 2500)

    def drive() -> None:
        pages = list(
            sf.bulk2.Lead.query("SELECT Id, Name, CreatedDate, Owner.Name FROM Lead", max_records=1000, wait=0.05)
        )
        rows = [row for page in pages for row in csv.DictReader(io.StringIO(page))]
        assert [len(list(csv.DictReader(io.StringIO(page)))) for page in pages] == [1000, 1000, 500]
        assert len({row["Id"] for row in rows}) == 2500
        assert rows[0]["CreatedDate"].endswith(".000Z")
        assert rows[0]["Owner.Name"]
        files = sf.bulk2.Lead.download("SELECT Id FROM Lead", path=str(tmp_path), max_records=2000, wait=0.05)
        assert [each["number_of_records"] for each in files] == [2000, 500]

    await asyncio.to_thread(drive)


async def test_composite_and_collections(sf: Any) -> None:
    def drive() -> None:
        rows = [{"attributes": {"type": "Lead"}, "LastName": f"L{number}", "Company": "Acme"} for number in range(200)]
        del rows[3]["Company"]
        answer = sf.restful("composite/sobjects", method="POST", json={"allOrNone": False, "records": rows})
        assert [each["success"] for each in answer].count(False) == 1
        assert answer[3]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
        base = "/services/data/v60.0/sobjects"
        asked = {"compositeRequest": [
            {"method": "POST", "url": f"{base}/Account", "referenceId": "a", "body": {"Name": "N"}},
            {"method": "POST", "url": f"{base}/Contact", "referenceId": "c",
             "body": {"LastName": "Li", "AccountId": "@{a.id}"}},
            {"method": "GET", "url": f"{base}/Contact/@{{c.id}}?fields=AccountId", "referenceId": "g"},
        ]}  # fmt: skip
        made, _, got = sf.restful("composite", method="POST", json=asked)["compositeResponse"]
        assert (made["httpStatusCode"], got["httpStatusCode"]) == (201, 200)
        assert got["body"]["AccountId"] == made["body"]["id"]

    await asyncio.to_thread(drive)
