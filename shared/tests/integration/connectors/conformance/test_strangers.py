"""Hosts that a CRM names (or somebody in its place): tokens and secrets go to the vendor's own alone."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import orjson
import pytest

from hub.contracts.connector import Capability, PullRequest
from hub.contracts.failures import CrmFailure, FailureKind
from hub.contracts.grants import Grant
from hub.contracts.pulling import PullMode

from .operations import failure_of, operations
from .road import Call, Reply, Stranger
from .stage import Granted, Stage, done, everywhere, tries
from .vendors import KEY

NAMING = [name for name in done(Capability.TOKEN_REFRESH) if name != "hubspot"]  # whose token answers name an address
naming = pytest.mark.parametrize("stage", NAMING, indirect=True)
DISGUISES: tuple[Callable[[str, str], Any], ...] = (
    lambda away, _own: away,
    lambda away, own: away.replace("//", f"//{own.removeprefix('http://')}@"),
    lambda away, own: f"{own}.{away.removeprefix('http://')}",
    lambda away, own: f"{away}#{own}",
    lambda away, own: f"{away}?{own}",
    lambda away, own: f"{away}\\@{own.removeprefix('http://')}",
    lambda away, own: f"{own}@{away.removeprefix('http://')}",
    lambda away, _own: away.removeprefix("http:"),
    lambda away, _own: away.replace("127.0.0.2", "0x7f000002"),
    lambda away, _own: away.replace("127.0.0.2", "127.0.0.2."),
    lambda away, _own: away.replace("http://", "https://"),
    lambda away, own: [own, away],
    lambda away, _own: {"url": away},
    lambda _away, _own: 2130706434,
    lambda _away, _own: "file:///etc/passwd",
    lambda _away, _own: "\ud83d",
)


def tokens_of(stage: Stage) -> Granted:
    assert isinstance(stage.tokens, Granted)
    return stage.tokens


@pytest.mark.parametrize("disguise", range(len(DISGUISES)))
@naming
async def test_a_token_answer_that_names_a_stranger(stage: Stage, foreigner: Stranger, disguise: int) -> None:
    address = DISGUISES[disguise](foreigner.url, stage.road.url)

    def spoil(call: Call, reply: Reply) -> Reply:
        if call.api:
            return reply
        told = reply.json()
        name = "instance_url" if "instance_url" in told else "api_domain"
        return replace(reply, body=_json({**told, name: address}))

    tokens = tokens_of(stage)
    before = tokens.grant
    stage.road.spoil = spoil
    stage.expire()
    with pytest.raises(CrmFailure) as refused:
        await stage.client().pull(PullRequest(PullMode.FULL))
    assert tokens.grant == before
    assert refused.value.error.code in ("FOREIGN_HOST", "NOT_JSON")
    secrets = (before.access_token, before.refresh_token or "", "hub-secret")
    assert not any(secret in str(refused.value) for secret in secrets)
    (result,) = await stage.client().push([stage.item(1, {"last_name": "L"})])
    assert not result.ok


def _json(document: Any) -> bytes:
    try:
        return orjson.dumps(document)
    except TypeError:
        return orjson.dumps({**document, "api_domain": "?", "instance_url": "?"}).replace(b'"?"', b'"\\ud83d"')


@tries(Capability.TOKEN_REFRESH)
async def test_a_grant_of_a_stranger_is_not_used(stage: Stage, foreigner: Stranger) -> None:
    """As the vault may hold one: the operator named fewer domains since, or somebody wrote into the database."""
    (known, _) = stage.seed(2)
    tokens = tokens_of(stage)
    tokens.grant = replace(tokens.grant, base_url=foreigner.url)
    for name, operation in operations(stage, known).items():
        error = await failure_of(stage, operation)
        if stage.crm_type in NAMING:
            assert error is not None
            assert error.code == "FOREIGN_HOST", name
        else:  # the address is the deployment's
            assert error is None
    if stage.crm_type in NAMING:
        assert stage.road.calls == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@tries(Capability.TOKEN_REFRESH)
async def test_the_token_endpoint_leads_elsewhere(stage: Stage, foreigner: Stranger, status: int) -> None:
    away = Reply(status, b"", {"Location": f"{foreigner.url}/oauth/token"})
    stage.road.instead = lambda call: None if call.api else away
    stage.expire()
    with pytest.raises(CrmFailure) as refused:
        await stage.client().pull(PullRequest(PullMode.FULL))
    assert refused.value.error.code == "REDIRECT_REFUSED"
    assert refused.value.kind is not FailureKind.AUTH  # the grant is as good as it was


LINKS: tuple[Callable[[str, str], str], ...] = (
    lambda away, own: f"{away}{own}",
    lambda away, own: f"{away.removeprefix('http:')}{own}",
    lambda away, own: f"/\\{away.removeprefix('http://')}{own}",
    lambda away, own: f"http://127.0.0.1@{away.removeprefix('http://')}{own}",
    lambda away, own: f"/{away.removeprefix('http:')}{own}",
    lambda away, own: f"{own}/../..//{away.removeprefix('http://')}",
)


@pytest.mark.parametrize("link", range(len(LINKS)))
@everywhere
async def test_a_next_page_at_a_stranger_s(stage: Stage, foreigner: Stranger, link: int) -> None:
    (known, _) = stage.seed(2)
    own = {"salesforce": "/services/data/v60.0/query/01g-2000", "custom": "/v2/leads?page=2"}.get(stage.crm_type, "/x")
    address = LINKS[link](foreigner.url, own)

    def spoil(call: Call, reply: Reply) -> Reply:
        try:
            document = reply.json() if call.api else None
        except orjson.JSONDecodeError:
            return reply
        if not isinstance(document, dict):
            return reply
        more = {"next": {"after": "NTI1", "link": address}, "next_cursor": address}
        document |= {"next": address, "nextRecordsUrl": address, "links": {"next": address}, "paging": more}
        document |= {"additional_data": more} | ({"done": False} if "done" in document else {})
        headers = {name: text for name, text in reply.headers.items() if name.lower() != "link"}
        return replace(reply.saying(document), headers=headers | {"Link": f'<{address}>; rel="next"'})

    stage.road.spoil = spoil
    config: dict[str, Any] = {"paging": {"kind": "auto"}} if stage.crm_type == "custom" else {}
    for operation in operations(stage, known).values():
        await failure_of(stage, operation)
    client = stage.client(**config)
    with suppress(CrmFailure):
        page = await client.pull(PullRequest(PullMode.FULL))
        await client.pull(PullRequest(PullMode.FULL, page.cursor))
    hosts = {call.headers.get("Host") for call in stage.road.calls}
    assert hosts == {stage.road.url.removeprefix("http://")}


@everywhere
async def test_no_token_is_in_an_address(stage: Stage) -> None:
    """Addresses end up in logs, of proxies too."""
    (known, _) = stage.seed(2)
    for operation in operations(stage, known).values():
        await failure_of(stage, operation)
    token = stage.tokens.grant.access_token if isinstance(stage.tokens, Granted) else KEY
    assert stage.road.calls
    assert not any(token in call.path or token.encode() in call.body for call in stage.road.api_calls())


@tries(Capability.TOKEN_REFRESH)
async def test_what_is_kept_shows_no_secret(stage: Stage) -> None:
    grant = tokens_of(stage).grant
    for shown in (repr(grant), repr(stage.app), repr(await stage.tokens.current())):
        assert grant.access_token not in shown
        assert "hub-secret" not in shown
    assert Grant.decoded(grant.encoded()) == grant
