// One lead: its fields, where else it lives, and everything that ever happened to it.
import { get } from "./api.js";
import { badge, byId, el, setText } from "./dom.js";
import { crmName, label, leadName, value } from "./format.js";
import { connectionName, isConnectionsCrm } from "./panel.js";
import { timeTag } from "./times.js";

const SYNC = { in_sync: ["In sync", "good"], due: ["Waiting", "info"], failed: ["Failed", "bad"] };
const FIRST = [
  "first_name", "last_name", "email", "phone", "status", "agent_id", "company", "lead_source",
  "address", "city", "state", "postal_code", "country", "date_of_birth", "notes",
];
const NOT_FIELDS = new Set(["id", "external_id", "version", "created_at", "updated_at", "custom_fields", "links", "sync"]);
let shown = null;
let reloading = null;

export function setUpDrawer() {
  const drawer = byId("drawer");
  byId("drawer-close").addEventListener("click", () => drawer.close());
  drawer.addEventListener("click", (event) => {
    if (event.target === drawer) drawer.close(); // the backdrop
  });
  drawer.addEventListener("close", () => {
    const closed = shown;
    shown = null;
    // The browser gives focus back to what opened the drawer, unless that row was drawn anew meanwhile.
    setTimeout(() => {
      const now = document.activeElement;
      if (now !== document.body && !drawer.contains(now)) return;
      (document.querySelector(`[data-lead="${closed}"]`) ?? byId("main")).focus();
    });
  });
}

export async function openDrawer(id) {
  shown = id;
  setText("drawer-title", `MPP-${id}`);
  setText("drawer-subtitle", "Loading…");
  byId("drawer-body").replaceChildren();
  if (!byId("drawer").open) byId("drawer").showModal();
  byId("drawer-title").focus();
  await load(id);
}

export function closeDrawer() {
  if (byId("drawer").open) byId("drawer").close();
}

export function drawerLeadChanged(id) {
  if (id !== shown || reloading) return;
  reloading = setTimeout(() => {
    reloading = null;
    if (shown === id) load(id);
  }, 800);
}

async function load(id) {
  try {
    const [lead, past] = await Promise.all([
      get(`/api/v1/external/leads/${id}`),
      get(`/api/v1/external/leads/${id}/history`, { limit: 100 }),
    ]);
    if (shown === id) draw(lead, past);
  } catch (error) {
    if (shown !== id) return;
    setText("drawer-subtitle", "");
    byId("drawer-body").replaceChildren(el("p", { class: "empty" }, error.message));
  }
}

function draw(lead, past) {
  setText("drawer-title", leadName(lead));
  byId("drawer-subtitle").replaceChildren(`${lead.external_id} · version ${lead.version} · changed `, timeTag(lead.updated_at));
  byId("drawer-body").replaceChildren(
    el("h3", {}, "Fields"), fields(lead),
    el("h3", {}, "Linked records"), links(lead),
    el("h3", {}, "History"), history(past));
}

function fields(lead) {
  const names = new Set([...FIRST, ...Object.keys(lead).filter((name) => !NOT_FIELDS.has(name))]);
  const own = [...names].map((name) => [name, lead[name]]);
  const all = [...own, ...Object.entries(lead.custom_fields ?? {})].filter(([, given]) => given != null && given !== "");
  if (!all.length) return el("p", { class: "empty muted" }, "Nothing is known yet.");
  return el("dl", { class: "fields" }, ...all.flatMap(([name, given]) => [el("dt", {}, label(name)), el("dd", {}, value(given))]));
}

function links(lead) {
  const pushed = (lead.sync ?? []).map((target) => {
    const [words, tone] = SYNC[target.state] ?? [target.state, null];
    const problem = target.state === "failed" && target.last_error;
    return el("li", {},
      el("span", {}, `${target.name ?? connectionName(target.connection_id)} `, el("span", { class: "muted" }, target.external_id ?? "")),
      el("span", {}, target.pushed_at ? el("span", { class: "muted small" }, timeTag(target.pushed_at), " ") : null, badge(words, tone)),
      problem ? el("span", { class: "problem" }, problem.message ?? problem.code ?? value(problem)) : null);
  });
  const pushedTo = new Set((lead.sync ?? []).map((target) => `crm/${target.connection_id}`));
  const seen = (lead.links ?? []).filter((link) => !pushedTo.has(link.owner)).map((link) =>
    el("li", {},
      el("span", {}, `${ownerName(link.owner)} `, el("span", { class: "muted" }, link.external_id)),
      el("span", { class: "muted small" }, "seen ", timeTag(link.seen_at))));
  if (!pushed.length && !seen.length) return el("p", { class: "empty muted" }, "This lead exists only here.");
  return el("ul", { class: "links" }, ...pushed, ...seen);
}

function ownerName(owner) {
  const [kind, ...rest] = owner.split("/");
  const name = rest.join("/");
  if (kind === "crm") return connectionName(Number(name));
  return kind === "import" ? `Import from ${crmName(name)}` : name;
}

function history(past) {
  if (!past.history.length) return el("p", { class: "empty muted" }, "Nothing happened yet.");
  return el("ol", { class: "history" }, ...past.history.map((version) => el("li", {},
    el("p", { class: "history-head" },
      el("strong", {}, version.version === 1 ? "Created" : `Version ${version.version}`),
      el("span", { class: "muted small" }, timeTag(version.at))),
    el("p", { class: "muted small" }, cause(version)),
    el("ul", { class: "changes" }, ...version.changes.map(change)))));
}

function cause({ source, actor }) {
  const [kind, id] = source.split("/");
  const itself = kind === "crm" && isConnectionsCrm(Number(id), actor); // the CRM told us, nobody in particular
  return itself ? ownerName(source) : `${ownerName(source)} · ${actor}`;
}

function change({ field, from, to }) {
  const before = from === null || from === undefined ? null : el("del", {}, value(from));
  return el("li", {}, el("span", { class: "name" }, label(field)), el("span", {}, before, el("ins", {}, value(to))));
}
