// The dashboard's beginning: who is here, then everything else.
import { ApiError, get, signIn, signOut } from "./api.js";
import { byId, setText } from "./dom.js";
import { closeDrawer, drawerLeadChanged, openDrawer, setUpDrawer } from "./drawer.js";
import { forgetFeed, setUpFeed, showActivity } from "./feed.js";
import { forgetLeads, leadsChanged, loadLeads, setUpLeads } from "./leads.js";
import { startLive, stopLive } from "./live.js";
import { forgetPanel, showPanel } from "./panel.js";
import { countPanel, drawPulse, forgetPulse, seedPulse } from "./pulse.js";
import { leadId } from "./sentences.js";
import { keepTimesFresh } from "./times.js";

const PULSE_MS = 300_000;
const COUNTED = ["lead.created", "lead.updated", "lead.rejected", "lead.sync_failed"];
const CHANGES_LEADS = new Set(["lead.created", "lead.updated", "enrollment.completed"]);

function showSignIn(problem = "") {
  stopLive();
  closeDrawer();
  forgetFeed();
  forgetLeads();
  forgetPanel();
  forgetPulse();
  byId("app").hidden = true;
  byId("signin").hidden = false;
  setText("signin-error", problem);
  byId("api-key").focus();
}

function showBanner(text) {
  setText("banner", text);
  byId("banner").hidden = !text;
}

function failed(error) {
  if (error.status === 401) showSignIn("The session is over. Please sign in again.");
  else showBanner(error.status === 403 ? error.message : `${error.message} Trying again…`);
}

function onPanel(panel) {
  showBanner("");
  showPanel(panel);
  countPanel(panel.today);
}

function onActivity(entry) {
  if (!showActivity(entry) || !CHANGES_LEADS.has(entry.event)) return;
  leadsChanged();
  drawerLeadChanged(leadId(entry));
}

// Whether to go on; a hub that is away for a moment is not the end of a session.
async function check() {
  try {
    onPanel(await get("/api/v1/dashboard"));
    return true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    failed(error);
    return error.status !== 401;
  }
}

async function recentChanges() {
  const from = new Date(Date.now() - PULSE_MS).toISOString();
  try {
    const pages = await Promise.all(COUNTED.map((event) => get("/api/v1/audit", { event, from, limit: 500 })));
    pages.forEach(seedPulse);
  } catch {
    // The key may not read the audit trail: the chart begins empty.
  }
}

async function open() {
  try {
    const panel = await get("/api/v1/dashboard");
    byId("signin").hidden = true;
    byId("app").hidden = false;
    onPanel(panel);
  } catch (error) {
    if (error.status === 401) showSignIn();
    else if (error.status === 403) showSignIn("This API key may not see the dashboard (status:read is missing).");
    else {
      byId("app").hidden = false;
      failed(error);
      setTimeout(open, 3000);
    }
    return;
  }
  startLive({ onPanel, onActivity, onBack: leadsChanged, check });
  loadLeads();
  recentChanges();
}

async function enter(key) {
  const button = byId("signin-form").querySelector("button");
  button.disabled = true;
  setText("signin-error", "");
  try {
    await signIn(key);
    byId("api-key").value = "";
    await open();
  } catch (error) {
    showSignIn(error.message);
  } finally {
    button.disabled = false;
  }
}

// A link may carry a key behind "#": it never reaches a server, and leaves the address bar at once.
function keyFromAddress() {
  const found = /^#key=(.+)$/.exec(location.hash);
  if (!found) return null;
  history.replaceState(null, "", location.pathname + location.search);
  return decodeURIComponent(found[1]);
}

function begin() {
  setUpDrawer();
  setUpFeed(openDrawer);
  setUpLeads(openDrawer, failed);
  byId("signin-form").addEventListener("submit", (event) => {
    event.preventDefault();
    enter(byId("api-key").value.trim());
  });
  byId("signout").addEventListener("click", async () => {
    await signOut().catch(() => null);
    showSignIn();
  });
  addEventListener("hashchange", () => {
    const key = keyFromAddress();
    if (key) enter(key);
  });
  keepTimesFresh();
  setInterval(drawPulse, 5000);
  const key = keyFromAddress();
  if (key) enter(key);
  else open();
}

begin();
