// The table of leads: search, status, paging; what changes while it is shown is brought up to date.
import { ApiError, get } from "./api.js";
import { badge, byId, el, setText } from "./dom.js";
import { capital, leadName, plural } from "./format.js";
import { timeTag } from "./times.js";

const PAGE = 50;
const REFRESH_MS = 1500;
const TYPING_MS = 250;
const TONES = { new: "info", contacted: "violet", qualified: "warn", enrolled: "good" };
let leads = [];
let cursor = null;
let asking = null;
let refreshTimer = null;
let typingTimer = null;
let openLead = () => {};
let onProblem = () => {};

export function setUpLeads(onLead, whenFailing) {
  openLead = onLead;
  onProblem = whenFailing;
  byId("leads-filter").addEventListener("submit", (event) => {
    event.preventDefault();
    loadLeads();
  });
  byId("leads-search").addEventListener("input", () => {
    clearTimeout(typingTimer);
    typingTimer = setTimeout(loadLeads, TYPING_MS);
  });
  byId("leads-status").addEventListener("change", loadLeads);
  byId("leads-more").addEventListener("click", showMore);
}

export function forgetLeads() {
  asking?.abort();
  clearTimeout(refreshTimer);
  refreshTimer = null;
  leads = [];
  byId("leads-filter").reset();
  draw(new Set());
}

export function leadsChanged() {
  refreshTimer ??= setTimeout(() => {
    refreshTimer = null;
    refresh();
  }, REFRESH_MS);
}

function question() {
  const q = byId("leads-search").value.trim();
  return { order: "newest", limit: PAGE, status: byId("leads-status").value, q: q.length > 1 ? q : "" };
}

export async function loadLeads() {
  const page = await ask({});
  if (!page) return;
  leads = page.leads;
  cursor = page.next_cursor;
  draw(new Set());
  byId("leads-scroll").scrollTop = 0;
}

async function showMore() {
  const page = await ask({ cursor });
  if (!page) return;
  const known = new Set(leads.map((lead) => lead.id));
  leads = [...leads, ...page.leads.filter((lead) => !known.has(lead.id))];
  cursor = page.next_cursor;
  draw(new Set());
}

async function refresh() {
  const page = await ask({});
  if (!page) return;
  const versions = new Map(leads.map((lead) => [lead.id, lead.version]));
  const fresh = new Set(page.leads.filter((lead) => versions.get(lead.id) !== lead.version).map((lead) => lead.id));
  const arrived = new Set(page.leads.map((lead) => lead.id));
  leads = [...page.leads, ...leads.slice(page.leads.length).filter((lead) => !arrived.has(lead.id))];
  if (leads.length <= PAGE) cursor = page.next_cursor;
  draw(fresh);
}

async function ask(more) {
  asking?.abort();
  asking = new AbortController();
  try {
    return await get("/api/v1/external/leads", { ...question(), ...more }, asking.signal);
  } catch (error) {
    if (!(error instanceof ApiError)) return null; // another question was asked meanwhile
    if (error.status === 403) setText("leads-note", "This API key may not read leads.");
    else if (error.status >= 400 && error.status < 500 && error.status !== 401) setText("leads-note", error.message);
    else onProblem(error);
    return null;
  }
}

function draw(fresh) {
  const body = byId("leads-body");
  const focused = body.contains(document.activeElement) ? document.activeElement.dataset.lead : null;
  body.replaceChildren(...leads.map((lead) => row(lead, fresh.has(lead.id))));
  if (focused) body.querySelector(`[data-lead="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  const searching = byId("leads-search").value.trim() || byId("leads-status").value;
  byId("leads-empty").hidden = leads.length > 0;
  setText("leads-empty", searching ? "No lead matches." : "No leads yet. They appear here as soon as the first one is imported.");
  setText("leads-note", leads.length ? `${plural(leads.length, "lead")} shown, newest first` : "");
  byId("leads-more").hidden = !cursor || !leads.length;
}

function row(lead, fresh) {
  const name = el("button", { type: "button", class: "row-button", "data-lead": lead.id }, leadName(lead));
  const open = () => openLead(lead.id);
  return el("tr", { class: fresh ? "fresh" : null, onclick: open },
    el("td", {}, el("span", { class: "two-lines" }, name,
      el("span", { class: "muted" }, [lead.external_id, lead.company].filter(Boolean).join(" · ")))),
    el("td", {}, el("span", { class: "two-lines" }, el("span", {}, lead.email ?? "—"), el("span", { class: "muted" }, lead.phone ?? ""))),
    el("td", {}, lead.status ? badge(capital(lead.status), TONES[lead.status]) : "—"),
    el("td", {}, lead.agent_id ?? "—"),
    el("td", { class: "number muted" }, timeTag(lead.updated_at)));
}
