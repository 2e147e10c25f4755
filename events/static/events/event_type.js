// The page of an event type: asks the server about the unsaved form, and shows its answer.

import { Contract } from "./contract.js";
import { Samples } from "./samples.js";
import { element } from "./tree.js";

const WAIT = 200; // milliseconds after the last edit

const form = document.getElementById("eventtype_form");
const factsHolder = document.getElementById("page-facts");

if (form && factsHolder) edit(JSON.parse(factsHolder.textContent));
snippets();

function edit(facts) {
  let timer = 0;
  let number = 0;
  let isDirty = facts.is_unsaved;

  const changed = () => {
    isDirty = true;
    clearTimeout(timer);
    timer = setTimeout(refresh, WAIT);
  };
  const contract = new Contract(document.querySelector("[data-contract]"), {
    types: facts.types,
    onChange: changed,
  });
  const samples = new Samples(document.querySelector("[data-samples]"), changed);

  async function ask(query = "") {
    const answer = await fetch(facts.check + query, { method: "POST", body: new FormData(form) });
    if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
    return answer.json();
  }

  async function refresh() {
    number += 1;
    const mine = number;
    const sent = form.elements.contract_rows.value;
    const answer = await ask().catch(() => null);
    if (!answer || mine !== number) return;
    samples.show(answer.samples);
    contract.show(answer.contract, sent);
    contract.showBroken(answer.broken);
    for (const [key, code] of Object.entries(answer.snippets)) {
      const place = document.querySelector(`[data-snippet-panel="${key}"] pre`);
      if (place) place.textContent = code;
    }
  }

  form.addEventListener("input", (event) => {
    isDirty = true;
    if (["name", "channel_order"].includes(event.target.name)) changed();
  });
  form.addEventListener("submit", () => {
    isDirty = false;
  });
  addEventListener("beforeunload", (event) => {
    if (isDirty) event.preventDefault();
  });

  inferring(ask, contract, changed);
  realEvents(facts, samples);
  closing();
  refresh();
}

function inferring(ask, contract, changed) {
  const dialog = document.querySelector("[data-infer-dialog]");
  const afresh = dialog.querySelector("[data-afresh]");
  const apply = dialog.querySelector("[data-apply]");
  let found = null;

  async function show() {
    const { inferred } = await ask(`?infer=${afresh.checked ? "afresh" : "1"}`);
    found = inferred;
    const count = inferred.samples;
    dialog.querySelector("[data-infer-summary]").textContent = count
      ? inferred.changes.length
        ? `From ${count} sample${count === 1 ? "" : "s"}. What is in every one is required; descriptions and rules that you wrote stay. This would change:`
        : `The contract already says what your ${count} sample${count === 1 ? " shows" : "s show"}.`
      : "There is no sample with data in it yet: fill in “Typical” first.";
    apply.disabled = !count || !inferred.changes.length;
    dialog.querySelector("[data-changes]").replaceChildren(
      ...(count ? inferred.changes : []).map(({ path, words }) =>
        element("li", {}, element("span", { className: "pg-mono", textContent: path }), ` ${words}`),
      ),
    );
  }

  document.querySelector("[data-infer]").addEventListener("click", async () => {
    afresh.checked = false;
    await show();
    dialog.showModal();
  });
  afresh.addEventListener("change", show);
  apply.addEventListener("click", () => {
    contract.text.value = found.text;
    contract.hidden.value = contract.closed.value = "";
    contract.put(found);
    dialog.close();
    changed();
  });
}

function realEvents(facts, samples) {
  const dialog = document.querySelector("[data-recent-dialog]");
  const list = dialog.querySelector("[data-events]");

  async function open() {
    list.replaceChildren(element("p", { className: "pg-muted", textContent: "Looking…" }));
    dialog.showModal();
    const { events } = await (await fetch(facts.recent)).json();
    list.replaceChildren(...events.map(row));
    if (!events.length) {
      list.append(
        element("p", { textContent: "No event of this type has come in lately, or its data was purged." }),
      );
    }
  }

  function row(event) {
    const use = async (asNew) => {
      const { text } = await (await fetch(event.address)).json();
      dialog.close();
      if (asNew) samples.add(text, `Real event ${event.received}`);
      else samples.current.put(text);
    };
    const button = (label, asNew) => {
      const made = element("button", { type: "button", className: "pg-button", textContent: label });
      made.addEventListener("click", () => use(asNew));
      return made;
    };
    return element(
      "div",
      { className: "et-event" },
      element(
        "p",
        {},
        element("b", { textContent: event.received }),
        ` ${event.external_id}`,
        element("br"),
        element("span", { className: "pg-muted pg-small", textContent: event.words }),
      ),
      button("Put it here", false),
      button("As a new sample", true),
    );
  }

  if (!facts.recent) {
    const style = "[data-recent]";
    for (const button of document.querySelectorAll(style)) button.remove();
    const blank = document.querySelector("[data-blank]");
    blank?.content.querySelector(style)?.remove();
  }
  document.querySelector("[data-samples]").addEventListener("click", (event) => {
    if (event.target.closest("[data-recent]")) open();
  });
}

function closing() {
  for (const dialog of document.querySelectorAll("dialog.et-dialog")) {
    dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  }
}

function snippets() {
  const root = document.querySelector("[data-snippets]");
  if (!root) return;
  for (const tab of root.querySelectorAll("[data-snippet]")) {
    tab.addEventListener("click", () => {
      for (const each of root.querySelectorAll("[data-snippet]")) {
        each.setAttribute("aria-pressed", String(each === tab));
      }
      for (const panel of root.querySelectorAll("[data-snippet-panel]")) {
        panel.hidden = panel.dataset.snippetPanel !== tab.dataset.snippet;
      }
    });
  }
  for (const button of root.querySelectorAll("[data-copy]")) {
    const label = button.textContent;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.parentElement.querySelector("pre").textContent);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = label), 1500);
    });
  }
}
