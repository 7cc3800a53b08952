"""hubctl against a running hub."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from hubctl.trial.tenant import Tenant, target_of

CSV = "First Name;E-Mail;Phone;Status\nJane;JANE@example.com;210-555-0123;new\nBad;bad@example.com;;Prospect??\n"


async def hubctl(agency: Tenant, *words: str) -> tuple[int, str]:
    target = target_of(agency.hub)
    environment = {
        "HUB_DATABASE_URL": target.database_url,
        "HUB_BUS_URL": target.bus_url,
        "HUB_URL": agency.hub.url,
        "HUB_API_KEY": agency.api_key,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hubctl", *words, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_import_streams_a_file_and_shows_what_was_refused(agency: Tenant, tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_text(CSV)
    code, output = await hubctl(agency, "import", str(tmp_path / "leads.csv"))
    assert code == 0, output
    assert "1 accepted, 1 rejected" in output
    assert "1 created" in output
    assert "UNKNOWN_VALUE" in output
    (lead,) = (await agency.get("/api/v1/external/leads"))["leads"]
    assert (lead["first_name"], lead["email"]) == ("Jane", "jane@example.com")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("leads.json", json.dumps({"source": "s", "leads": [{"first_name": "A", "email": "a@example.com"}]})),
        ("leads.ndjson", '{"first_name": "A", "email": "a@example.com"}\n'),
    ],
)
async def test_import_knows_the_formats(agency: Tenant, tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    code, output = await hubctl(agency, "import", str(tmp_path / name))
    assert (code, "1 created" in output) == (0, True), output


async def test_import_tells_what_is_wrong_in_words(agency: Tenant, tmp_path: Path) -> None:
    (tmp_path / "leads.xml").write_text("<leads/>")
    code, output = await hubctl(agency, "import", str(tmp_path / "leads.xml"))
    assert (code, "no known format" in output) == (1, True)
    (tmp_path / "leads.json").write_text("{")
    code, output = await hubctl(agency, "import", str(tmp_path / "leads.json"))
    assert (code, "The hub refused it" in output) == (1, True), output
    code, output = await hubctl(agency, "import", str(tmp_path / "leads.json"), "--api-key", "mpp_wrong")
    assert (code, "UNAUTHENTICATED" in output) == (1, True), output
    assert "Traceback" not in output


async def test_status_of_a_running_hub(agency: Tenant) -> None:
    _, output = await hubctl(agency, "status")
    assert "mpp.transformer" in output
    assert "leads" in output
