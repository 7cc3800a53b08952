// How numbers, times and names read.

const numbers = new Intl.NumberFormat("en");
const moments = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });
const clocks = new Intl.DateTimeFormat("en", { timeStyle: "medium" });
const LABELS = { email: "E-mail", agent_id: "Agent", postal_code: "Postal code", date_of_birth: "Date of birth" };
const CRMS = { salesforce: "Salesforce", hubspot: "HubSpot", pipedrive: "Pipedrive", custom: "Custom CRM" };

export const count = (value) => (value == null ? "–" : numbers.format(value));
export const percent = (value) => (value == null ? "–" : `${numbers.format(Math.round(value * 10) / 10)}%`);
export const plural = (value, one, many = `${one}s`) => `${count(value)} ${value === 1 ? one : many}`;
export const crmName = (type) => CRMS[type] ?? capital(type);
export const clock = (text) => clocks.format(new Date(text));
export const moment = (text) => moments.format(new Date(text));

export function seconds(value) {
  if (value == null) return "–";
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  return value < 100 ? `${value.toFixed(1)} s` : `${Math.round(value / 60)} min`;
}

export function ago(text, now = Date.now()) {
  const passed = Math.max(0, (now - Date.parse(text)) / 1000);
  if (passed < 5) return "just now";
  if (passed < 60) return `${Math.floor(passed)} s ago`;
  if (passed < 3600) return `${Math.floor(passed / 60)} min ago`;
  if (passed < 86_400) return `${Math.floor(passed / 3600)} h ago`;
  const days = Math.floor(passed / 86_400);
  return days === 1 ? "yesterday" : `${numbers.format(days)} days ago`;
}

export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function label(register) {
  return LABELS[register] ?? capital(register.replace(/^custom\./, "").replaceAll("_", " ").trim());
}

export function value(given) {
  if (given === null || given === undefined || given === "") return "—";
  if (typeof given === "boolean") return given ? "Yes" : "No";
  return typeof given === "object" ? JSON.stringify(given) : String(given);
}

export function leadName(lead) {
  const name = [lead.first_name, lead.last_name].filter(Boolean).join(" ");
  return name || lead.company || lead.email || lead.phone || lead.external_id;
}
