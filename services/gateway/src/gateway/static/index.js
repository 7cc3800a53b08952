const panel = document.getElementById("panel");

function follow() {
  const feed = new EventSource("/api/v1/dashboard/events");
  feed.addEventListener("panel", (event) => {
    panel.textContent = JSON.stringify(JSON.parse(event.data), null, 2);
  });
}

document.getElementById("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await fetch("/session", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ api_key: document.getElementById("key").value }),
  });
  if (answer.ok) follow();
});
