// The review page: starts the shadow render, shows its progress, filters its rows.
// The unpublish page: waits until what was waiting is sent.

const POLL = 300; // milliseconds
const page = document.querySelector("[data-review]");
const part = (name) => document.querySelector(`[data-${name}]`);
const token = () => document.querySelector("[name=csrfmiddlewaretoken]").value;
const pause = (time) => new Promise((done) => setTimeout(done, time));

async function ask(address, fields) {
  const body = new URLSearchParams({ ...fields, csrfmiddlewaretoken: token() });
  const answer = await fetch(address, {
    method: "POST",
    body,
    headers: { Accept: "application/json" },
  });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

// --- publishing waits for the render

function allowPublishing(may, why) {
  const button = part("publish");
  if (!button) return;
  button.disabled = !may;
  part("publish-why").textContent = may ? "" : why;
}

// --- the shadow render

let turn = 0; // a later start makes an earlier loop end

function showProgress(state) {
  const box = part("shadow-progress");
  box.hidden = state.state !== "queued" && state.state !== "running";
  const bar = box.querySelector("progress");
  bar.max = Math.max(1, state.total || 1);
  bar.value = state.done || 0;
  part("shadow-words").textContent = state.words || "";
}

function showResults(state) {
  part("shadow-results").innerHTML = state.html || "";
  if (state.problem && !state.html) {
    part("shadow-results").textContent = state.problem;
  }
  showRows();
  part("shadow-form").querySelector("button").textContent = "Render again";
  const why = state.problem
    ? "Not possible: the past events were not rendered. Render again."
    : "Not possible: what is listed above would fail.";
  allowPublishing(state.may_publish, why);
}

async function render(fields) {
  const mine = ++turn;
  allowPublishing(false, "Waiting for the past events to be rendered.");
  part("shadow-results").replaceChildren();
  try {
    let state = await ask(page.dataset.shadowUrl, fields);
    while (mine === turn) {
      showProgress(state);
      if (state.state === "none") {
        state = await ask(page.dataset.shadowUrl, {});
        continue;
      }
      if (state.state !== "queued" && state.state !== "running") {
        showResults(state);
        return;
      }
      await pause(POLL);
      state = await ask(page.dataset.shadowUrl, { more: "1" });
    }
  } catch {
    // Publishing renders by itself what was not rendered before.
    allowPublishing(true, "");
    part("shadow-words").textContent =
      "The connection was lost. Render again, or publish: it is rendered then.";
  }
}

// --- rows

function showRows() {
  const group = part("filters");
  if (!group) return;
  const pressed = group.querySelector("[aria-pressed=true]");
  const wanted = pressed ? pressed.dataset.filter : "";
  for (const row of document.querySelectorAll("tr[data-outcome]")) {
    const outcome = row.dataset.outcome;
    row.hidden = wanted === "news" ? outcome === "unchanged" : wanted && outcome !== wanted;
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-filter]");
  if (!button) return;
  for (const each of part("filters").querySelectorAll("[data-filter]")) {
    each.setAttribute("aria-pressed", String(each === button));
  }
  showRows();
});

if (page && part("shadow-form")) {
  part("shadow-form").addEventListener("submit", (event) => {
    event.preventDefault();
    render({});
  });
  const state = page.dataset.shadowState;
  if (state === "none") render({});
  else if (state === "queued" || state === "running") render({ more: "1" });
  else showRows();
}

// --- unpublish: what waits is sent first

const sending = part("sending");

async function waitUntilSent() {
  const words = part("sending-words");
  for (;;) {
    await pause(1000);
    const answer = await fetch(sending.dataset.waitingUrl, {
      headers: { Accept: "application/json" },
    });
    if (!answer.ok) return;
    const { total, words: stages } = await answer.json();
    if (!total) {
      words.textContent = "Everything that waited was sent. Unpublish now.";
      sending.querySelector("fieldset")?.remove();
      return;
    }
    words.textContent =
      `${total.toLocaleString("en")} still to be sent (${stages}). The message stays ` +
      "live until then, and new events are sent too.";
  }
}

if (sending) waitUntilSent().catch(() => {});
