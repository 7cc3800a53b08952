// Times that age on the page: "5 min ago", with the exact moment as the tooltip.
import { el } from "./dom.js";
import { ago, moment } from "./format.js";

export const timeTag = (text) => el("time", { datetime: text, "data-ages": true, title: moment(text) }, ago(text));

export function refreshTimes() {
  const now = Date.now();
  for (const node of document.querySelectorAll("time[data-ages]")) {
    const text = ago(node.dateTime, now);
    if (node.textContent !== text) node.textContent = text;
  }
}

export const keepTimesFresh = () => setInterval(refreshTimes, 5000);
