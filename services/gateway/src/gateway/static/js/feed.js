// The live feed: newest first, at most a hundred rows, can be paused and filtered.
import { announce, byId, el, icon, setText } from "./dom.js";
import { plural } from "./format.js";
import { leadId, sentence } from "./sentences.js";
import { timeTag } from "./times.js";

const MOST_ROWS = 100;
const MOST_REMEMBERED = 2000;
const ANNOUNCE_MS = 15_000;
const seen = new Set();
let kept = []; // newest first
let waiting = [];
let paused = false;
let filter = "all";
let scheduled = false;
let unannounced = 0;
let announcedAt = 0;
let openLead = () => {};

export function setUpFeed(onLead) {
  openLead = onLead;
  byId("feed-filter").addEventListener("change", (event) => {
    filter = event.target.value;
    redraw();
  });
  byId("feed-pause").addEventListener("click", () => setPaused(!paused));
}

export function showActivity(entry) {
  if (seen.has(entry.event_id)) return false;
  seen.add(entry.event_id);
  if (seen.size > MOST_REMEMBERED) seen.delete(seen.values().next().value);
  waiting.push(entry);
  if (paused) setText("feed-pause-text", `${Math.min(waiting.length, 999)} new`);
  else schedule();
  return true;
}

export function forgetFeed() {
  seen.clear();
  kept = [];
  waiting = [];
  setPaused(false);
  redraw();
}

function setPaused(value) {
  paused = value;
  const button = byId("feed-pause");
  button.setAttribute("aria-pressed", String(paused));
  button.firstElementChild.replaceWith(icon(paused ? "play" : "pause"));
  setText("feed-pause-text", paused ? "Paused" : "Pause");
  if (!paused) schedule();
}

function schedule() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    if (!paused) arrive();
  });
}

function arrive() {
  const fresh = waiting.slice(-MOST_ROWS).reverse();
  waiting = [];
  if (!fresh.length) return;
  const first = !kept.length;
  kept = [...fresh, ...kept].slice(0, MOST_ROWS);
  const rows = fresh.filter(matches).map((entry) => row(entry, !first && fresh.length <= 20));
  const list = byId("feed-list");
  list.prepend(...rows);
  while (list.childElementCount > MOST_ROWS) list.lastElementChild.remove();
  showEmpty();
  if (!first) tell(fresh.length);
}

function tell(number) {
  unannounced += number;
  if (Date.now() - announcedAt < ANNOUNCE_MS) return;
  announce(`${plural(unannounced, "new event")} in the activity feed`);
  announcedAt = Date.now();
  unannounced = 0;
}

const matches = (entry) => filter === "all" || sentence(entry).group === filter;

function redraw() {
  byId("feed-list").replaceChildren(...kept.filter(matches).map((entry) => row(entry, false)));
  showEmpty();
}

function showEmpty() {
  const empty = byId("feed-list").childElementCount === 0;
  byId("feed-list").hidden = empty;
  byId("feed-empty").hidden = !empty;
  setText("feed-empty", kept.length ? "Nothing of this kind lately." : "Waiting for the first event. Import a lead and watch it arrive here.");
}

function row(entry, arriving) {
  const { tone, icon: picture, what, how } = sentence(entry);
  const id = leadId(entry);
  const lead = id && el("button", { type: "button", class: "row-button", onclick: () => openLead(id) }, `MPP-${id}`);
  return el("li", { class: arriving ? "feed-item arriving" : "feed-item", "data-tone": tone, "data-event": entry.event },
    icon(picture, "feed-icon"),
    el("span", { class: "feed-what" }, lead, id ? what : what.trim()),
    el("span", { class: "feed-when" }, timeTag(entry.timestamp)),
    how ? el("span", { class: "feed-how" }, how) : null);
}
