// The live connection: server-sent events, with the state of the line shown, and patience when it is lost.
import { byId, setText } from "./dom.js";

const FIRST_WAIT = 2000;
const LONGEST_WAIT = 30_000;
const WORDS = { connecting: "Connecting", live: "Live", lost: "Reconnecting" };
let source = null;
let timer = null;
let wait = FIRST_WAIT;

function show(state) {
  byId("link-state").dataset.state = state;
  setText("link-state-text", WORDS[state]);
}

// `check` says whether the session still holds; when it does not, nothing more is tried.
export function startLive({ onPanel, onActivity, onBack, check }) {
  stopLive();
  let wasLost = false;
  const connect = () => {
    source = new EventSource("/api/v1/dashboard/events");
    source.addEventListener("open", () => {
      wait = FIRST_WAIT;
      show("live");
      if (wasLost) onBack(); // the feed repeats what was missed; the table does not
      wasLost = false;
    });
    source.addEventListener("panel", (event) => onPanel(JSON.parse(event.data)));
    source.addEventListener("activity", (event) => onActivity(JSON.parse(event.data)));
    source.addEventListener("error", () => {
      wasLost = true;
      show("lost");
      if (source.readyState !== EventSource.CLOSED) return; // the browser itself tries again
      source.close();
      timer = setTimeout(async () => {
        wait = Math.min(wait * 2, LONGEST_WAIT);
        if (await check()) connect();
      }, wait);
    });
  };
  show("connecting");
  connect();
}

export function stopLive() {
  clearTimeout(timer);
  source?.close();
  source = null;
  wait = FIRST_WAIT;
}
