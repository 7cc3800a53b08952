// The design document's panel: figures, connections, imports.
import { badge, byId, el, setText } from "./dom.js";
import { clock, count, crmName, percent, plural, seconds } from "./format.js";
import { timeTag } from "./times.js";

const CONNECTION = {
  connected: ["Connected", "good"],
  paused: ["Paused", "warn"],
  needs_reauth: ["Sign-in needed", "bad"],
  disconnected: ["Disconnected", "bad"],
};
const IMPORT = {
  receiving: ["Receiving", "info"],
  processing: ["Processing", "info"],
  completed: ["Completed", "good"],
  aborted: ["Stopped", "bad"],
};

let shown = "";
const names = new Map();

export const connectionName = (id) => names.get(id)?.name ?? `Connection ${id}`;
export const isConnectionsCrm = (id, crmType) => names.get(id)?.crm_type === crmType;

export function showPanel(panel) {
  tiles(panel);
  setText("today-imported", count(panel.today.imported));
  setText("today-updated", count(panel.today.updated));
  setText("today-errors", count(panel.today.errors));
  performance(panel.performance);
  const lists = JSON.stringify([panel.connections, panel.recent_imports]);
  if (lists !== shown) {
    shown = lists;
    connections(panel.connections);
    imports(panel.recent_imports);
  }
}

export function forgetPanel() {
  shown = "";
  names.clear();
}

function tiles(panel) {
  const crms = [...new Set(panel.connections.map((each) => crmName(each.crm_type)))];
  setText("connected-crms", count(panel.connected_crms));
  setText("connected-crms-hint", crms.length ? crms.join(", ") : "none yet");
  const last = byId("last-sync");
  if (!panel.last_sync) last.textContent = "never";
  else if (last.firstElementChild?.dateTime !== panel.last_sync) last.replaceChildren(timeTag(panel.last_sync));
  setText("last-sync-hint", panel.last_sync ? `at ${clock(panel.last_sync)}` : "nothing was written to a CRM yet");
  setText("pending-updates", count(panel.pending_updates));
  const failed = panel.sync_errors ?? 0;
  setText("pending-updates-hint", failed ? `${plural(failed, "lead")} failed` : "nothing failed");
  setText("leads-total", count(panel.leads?.total));
  setText("leads-total-hint", `${count(panel.today.imported)} new today`);
}

function performance(figures) {
  setText("avg-sync", seconds(figures.avg_sync_seconds));
  gauge("success-rate", figures.success_rate, 90, 97);
  gauge("api-uptime", figures.api_uptime, 99, 99.8);
}

function gauge(id, value, poor, good) {
  setText(id, percent(value));
  const bar = byId(`${id}-bar`);
  bar.toggleAttribute("hidden", value == null);
  bar.dataset.tone = value < poor ? "bad" : value < good ? "warn" : "good";
  bar.firstElementChild.setAttribute("width", value ?? 0);
}

function connections(list) {
  names.clear();
  for (const each of list) names.set(each.id, each);
  byId("connections-empty").hidden = list.length > 0;
  byId("connections-list").replaceChildren(...list.map((each) => {
    const [words, tone] = CONNECTION[each.status] ?? [each.status, null];
    const last = each.last_sync ? ["last sync ", timeTag(each.last_sync)] : ["nothing written yet"];
    return el("li", {},
      el("strong", {}, each.name),
      el("span", { class: "row-side" },
        each.errors ? badge(`${count(each.errors)} failed`, "bad") : null,
        each.pending ? badge(`${count(each.pending)} pending`, "info") : null,
        badge(words, tone)),
      el("span", { class: "muted small row-wide" }, `${crmName(each.crm_type)} · `, ...last));
  }));
}

function imports(list) {
  byId("imports-empty").hidden = list.length > 0;
  byId("imports-list").replaceChildren(...list.map((each) => {
    const [words, tone] = IMPORT[each.state] ?? [each.state, null];
    const counts = [[each.created, "new"], [each.updated, "merged"], [each.unchanged, "unchanged"], [each.rejected, "refused"]];
    const told = counts.filter(([number]) => number).map(([number, word]) => `${count(number)} ${word}`).join(" · ");
    return el("li", {},
      el("strong", {}, `${crmName(each.source)} · ${plural(each.accepted, "lead")}`),
      el("span", { class: "row-side" }, el("span", { class: "muted small" }, timeTag(each.created_at)), badge(words, tone)),
      el("span", { class: "row-wide" },
        each.state === "completed" || each.state === "aborted" ? null
          : el("progress", { max: 100, value: each.progress, "aria-label": `Import from ${each.source}` })),
      told ? el("span", { class: "muted small row-wide" }, told) : null);
  }));
}
