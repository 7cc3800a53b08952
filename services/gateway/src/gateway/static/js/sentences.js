// How an audit entry reads in the feed: one line per event type. An unknown type reads by its name.
import { count, crmName, label, plural, seconds } from "./format.js";

const PAST = { create: "created", update: "updated", link: "linked" };

const fields = (entry) => entry.fields_changed.map((name) => label(name).toLowerCase()).join(", ");
const crm = (entry) => (entry.crm ? crmName(entry.crm) : "the CRM");
const detail = (entry) => entry.details ?? {};
const nobody = (entry) => entry.user === "system" || entry.user === entry.crm;
const by = (entry) =>
  [entry.crm && `from ${crmName(entry.crm)}`, !nobody(entry) && `by ${entry.user}`].filter(Boolean).join(" ");

const SENTENCES = {
  "lead.created": { tone: "good", icon: "plus", group: "leads", what: () => " created", how: by },
  "lead.updated": {
    tone: "info", icon: "pencil", group: "leads",
    what: () => " updated", how: (entry) => [fields(entry), by(entry)].filter(Boolean).join(" · "),
  },
  "enrollment.completed": { tone: "violet", icon: "star", group: "leads", what: () => " enrolled", how: by },
  "lead.rejected": {
    tone: "warn", icon: "skip", group: "problems",
    what: () => "Record skipped", how: (entry) => detail(entry).message || detail(entry).code || by(entry),
  },
  "lead.synced": {
    tone: "good", icon: "sync", group: "sync",
    what: (entry) => ` ${PAST[entry.action] ?? "synced"} in ${crm(entry)}`,
    how: (entry) => [fields(entry), detail(entry).duration_ms && seconds(detail(entry).duration_ms / 1000)]
      .filter(Boolean).join(" · "),
  },
  "lead.sync_failed": {
    tone: "bad", icon: "alert", group: "problems",
    what: (entry) => ` could not be written to ${crm(entry)}`,
    how: (entry) => detail(entry).message || detail(entry).code || "",
  },
  "import.accepted": {
    tone: "violet", icon: "inbox", group: "leads",
    what: (entry) => `Import of ${plural(detail(entry).accepted ?? 0, "lead")} ${entry.crm ? `from ${crm(entry)}` : ""}`,
    how: (entry) => [detail(entry).rejected && `${count(detail(entry).rejected)} refused`, `by ${entry.user}`]
      .filter(Boolean).join(" · "),
  },
  "connection.connected": {
    tone: "good", icon: "plug", group: "sync", what: (entry) => `${crm(entry)} connected`, how: (entry) => `by ${entry.user}`,
  },
};

export function sentence(entry) {
  const known = SENTENCES[entry.event];
  if (!known) return { tone: null, icon: "bolt", group: "other", what: ` ${entry.event}`, how: by(entry) };
  return { ...known, what: known.what(entry), how: known.how(entry) };
}

export function leadId(entry) {
  const found = /^lead\/([0-9]+)$/.exec(entry.subject);
  return found ? Number(found[1]) : null;
}
