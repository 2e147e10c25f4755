// A proof's page: asks each second where it stands, until it has ended. On the page
// that sends one: a second click does not send a second one.

const state = document.getElementById("proof-state");
const page = document.querySelector("[data-proof]");
const EVERY = 1000; // milliseconds
const FIRST = 300; // mostly it is sent by then

function show(found) {
  const status = document.querySelector("[data-status]");
  // Said aloud when it changes, and only then.
  if (status.textContent !== found.label) status.textContent = found.label;
  status.className = `tx-pill tx-pill-${found.tone}`;
  document.querySelector("[data-late]").hidden = !found.is_late;
  for (const each of found.recipients) {
    const row = document.querySelector(`[data-recipient="${each.id}"]`);
    if (!row) continue;
    for (const cell of row.querySelectorAll("[data-cell]")) {
      cell.textContent = each[cell.dataset.cell] || "–";
    }
    row.querySelector('[data-cell="label"]').className = `tx-pill tx-pill-${each.tone}`;
  }
}

async function follow() {
  try {
    const answer = await fetch(page.dataset.proof, { headers: { Accept: "application/json" } });
    if (answer.ok) {
      const found = await answer.json();
      show(found);
      if (!found.is_open) return;
    }
  } catch {
    // The server is away for a moment: what is shown stays, and is asked for again.
  }
  setTimeout(follow, EVERY);
}

if (state) show(JSON.parse(state.textContent));
if (page) setTimeout(follow, FIRST);

for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
  });
}
// Back in history brings the page as it was left.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-once]")) delete form.dataset.sent;
});
