"""The page on which a person lets an app in, or does not."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from aiohttp import web

from simulators.kit.grants import Grants, OAuthRefused


@dataclass(frozen=True, slots=True)
class Look:
    """The vendor's side of the page. ``denial``: what a refusal adds to the redirect."""

    vendor: str
    colour: str
    account: str
    denial: Mapping[str, str]
    scopes: Callable[[Mapping[str, str]], Sequence[str]]  # of the authorize call's parameters


def consent_routes(path: str, grants: Grants, look: Look) -> list[web.RouteDef]:
    """``GET path``: the page; ``POST path``: the decision, answered with the redirect."""

    async def ask(request: web.Request) -> web.Response:
        asked = dict(request.query)
        try:
            client = grants.client_of(asked.get("client_id", ""), asked.get("redirect_uri", ""))
        except OAuthRefused as refused:
            return _page(look, "This app cannot be connected", f"<p>{escape(refused.description)}</p>", 400)
        scopes = "".join(f"<li>{escape(each)}</li>" for each in look.scopes(asked))
        hidden = "".join(
            f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in asked.items()
        )
        return _page(look, f"{client.name} wants access", _FORM.format(
            client=escape(client.name), vendor=escape(look.vendor), account=escape(look.account),
            scopes=scopes, hidden=hidden, action=escape(path),
        ))  # fmt: skip

    async def decide(request: web.Request) -> web.Response:
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        try:
            client = grants.client_of(form.get("client_id", ""), form.get("redirect_uri", ""))
        except OAuthRefused as refused:
            return _page(look, "This app cannot be connected", f"<p>{escape(refused.description)}</p>", 400)
        answer = dict(look.denial)
        if form.get("decision") == "allow":
            scope = " ".join(look.scopes(form))
            challenge = form.get("code_challenge")
            answer = {"code": grants.issue_code(client.id, form["redirect_uri"], scope, challenge)}
        if "state" in form:
            answer["state"] = form["state"]
        raise web.HTTPFound(_with(form["redirect_uri"], answer))

    return [web.get(path, ask), web.post(path, decide)]


def _with(uri: str, parameters: Mapping[str, str]) -> str:
    parts = urlsplit(uri)
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *parameters.items()])
    return urlunsplit(parts._replace(query=query))


def _page(look: Look, title: str, content: str, status: int = 200) -> web.Response:
    text = _PAGE.format(
        title=escape(title), vendor=escape(look.vendor), letter=escape(look.vendor[:1]), colour=look.colour,
        content=content,
    )  # fmt: skip
    return web.Response(text=text, status=status, content_type="text/html", headers={"Cache-Control": "no-store"})


_FORM = """
<p><strong>{client}</strong> asks for access to your {vendor} account <strong>{account}</strong>.
It will be able to:</p>
<ul>{scopes}</ul>
<form method="post" action="{action}">{hidden}
<button id="deny" name="decision" value="deny" class="plain">Deny</button>
<button id="allow" name="decision" value="allow">Allow</button></form>
<p class="note">You can withdraw this at any time in your account's settings.</p>"""

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · {vendor} (simulated)</title><style>
:root {{ --brand: {colour}; }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; background: #eef1f4; color: #1c2733;
  font: 16px/1.5 system-ui, sans-serif; }}
main {{ width: min(28rem, 92vw); background: #fff; border-radius: 12px; padding: 2rem;
  border-top: 5px solid var(--brand); box-shadow: 0 8px 30px rgb(20 40 60 / 12%); }}
header {{ display: flex; gap: .75rem; align-items: center; color: #53616f; font-size: .9rem; }}
header b {{ display: grid; place-items: center; width: 2.25rem; height: 2.25rem; border-radius: 8px; color: #fff;
  background: var(--brand); font-size: 1.1rem; }}
h1 {{ font-size: 1.35rem; margin: 1.1rem 0 .5rem; }}
ul {{ margin: .75rem 0 1.25rem; padding: .75rem 1rem .75rem 2rem; background: #f5f7f9; border-radius: 8px; }}
form {{ display: flex; justify-content: flex-end; gap: .75rem; }}
button {{ font: inherit; font-weight: 600; padding: .55rem 1.4rem; border-radius: 8px; border: 1px solid var(--brand);
  background: var(--brand); color: #fff; cursor: pointer; }}
button.plain {{ background: #fff; color: #1c2733; border-color: #b8c2cc; }}
button:focus-visible {{ outline: 3px solid #9cc4ff; outline-offset: 2px; }}
.note {{ color: #53616f; font-size: .85rem; margin-bottom: 0; }}
</style></head><body><main>
<header><b aria-hidden="true">{letter}</b><span>{vendor} · simulated sign-in</span></header>
<h1>{title}</h1>{content}</main></body></html>"""
