// A small chart of how much changed lately, from the day's totals as the panel tells them.
import { bar, byId, setText } from "./dom.js";
import { count } from "./format.js";

const BUCKET_MS = 5000;
const BUCKETS = 60;
const WIDTH = 240;
const HEIGHT = 48;
const buckets = new Map();
let total = null;
let partialUntil = 0; // while older changes than could be counted are within the five minutes

const bucketOf = (time) => Math.floor(time / BUCKET_MS);

function add(bucket, number) {
  if (number > 0) buckets.set(bucket, (buckets.get(bucket) ?? 0) + number);
}

export function countPanel(today) {
  const now = today.imported + today.updated + today.errors;
  if (total !== null) add(bucketOf(Date.now()), now - total); // at midnight it falls: nothing is counted then
  total = now;
  drawPulse();
}

export function seedPulse({ entries, next_cursor: more }) {
  for (const entry of entries) add(bucketOf(Date.parse(entry.timestamp)), 1);
  if (more) partialUntil = Math.max(partialUntil, Date.parse(entries.at(-1).timestamp) + BUCKETS * BUCKET_MS);
  drawPulse();
}

export function forgetPulse() {
  buckets.clear();
  total = null;
  partialUntil = 0;
}

export function drawPulse() {
  const last = bucketOf(Date.now());
  for (const bucket of buckets.keys()) if (bucket <= last - BUCKETS) buckets.delete(bucket);
  const most = Math.max(4, ...buckets.values());
  const step = WIDTH / BUCKETS;
  byId("pulse").replaceChildren(...[...buckets].map(([bucket, number]) =>
    bar((BUCKETS - 1 - (last - bucket)) * step + 0.5, Math.max(2, (number / most) * (HEIGHT - 4)), step - 1, HEIGHT)));
  const all = count([...buckets.values()].reduce((sum, number) => sum + number, 0));
  setText("pulse-total", Date.now() < partialUntil ? `more than ${all}` : all);
}
