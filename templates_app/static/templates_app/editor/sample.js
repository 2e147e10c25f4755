/** The context sample: tidied up, taken from elsewhere, shown as a tree. */

import { el } from "../blocks/dom.js";
import { fieldOf } from "./fields.js";

export function mountSample(form, { urls, preview, say }) {
  const card = form.querySelector("[data-sample-card]");
  const field = fieldOf("context_sample");
  if (!card || !field) return;
  const set = (value) => field.splice(0, field.text.length, JSON.stringify(value, null, 2));

  card.querySelector("[data-pretty]")?.addEventListener("click", () => {
    try {
      set(JSON.parse(field.text));
    } catch {
      preview.refresh(); // says what is wrong, and where
    }
  });

  const take = card.querySelector("[data-take]");
  take?.addEventListener("change", async () => {
    const { value } = take;
    const words = take.selectedOptions[0].textContent;
    take.value = "";
    if (!value) return;
    const type = form.elements.event_type;
    const address = new URL(urls.sample, location.href);
    address.searchParams.set("key", value);
    if (type && !type.disabled && type.value) address.searchParams.set("event_type", type.value);
    const response = await fetch(address);
    if (!response.ok) {
      say("That sample cannot be had: choose an event type first, or another sample.");
      return;
    }
    set(await response.json());
    say(`The sample is now that of “${words.trim()}”. Ctrl+Z brings the old one back.`);
  });

  mountTree(card, field);
}

function mountTree(card, field) {
  const toggle = card.querySelector("[data-tree-toggle]");
  const root = card.querySelector("[data-tree]");
  if (!toggle || !root) return;
  const draw = () => {
    try {
      root.replaceChildren(branch(JSON.parse(field.text || "{}")));
      for (const control of root.querySelectorAll("input")) control.disabled = field.isReadOnly;
    } catch {
      root.replaceChildren(el("p", { class: "tx-problem", text: "This is not valid JSON yet: mend it in the text first." }));
    }
  };
  toggle.addEventListener("click", () => {
    const isTree = root.hidden;
    root.hidden = !isTree;
    card.querySelector("[data-sample-text]").hidden = isTree;
    toggle.setAttribute("aria-pressed", String(isTree));
    if (isTree) draw();
    else field.editor?.resize(true);
  });
  root.addEventListener("change", (event) => {
    const { path } = event.target;
    if (!path) return;
    const data = JSON.parse(field.text || "{}");
    const last = path.at(-1);
    const holder = path.slice(0, -1).reduce((value, key) => value[key], data);
    holder[last] = valueOf(event.target, holder[last]);
    const text = JSON.stringify(data, null, 2);
    field.splice(0, field.text.length, text);
    event.target.focus();
  });
}

function valueOf(control, old) {
  if (control.type === "checkbox") return control.checked;
  if (typeof old === "number" && control.value.trim() !== "" && Number.isFinite(Number(control.value))) return Number(control.value);
  return old === null && control.value === "" ? null : control.value;
}

function branch(value, path = []) {
  const entries = Array.isArray(value) ? value.map((each, at) => [at, each]) : Object.entries(value);
  if (entries.length === 0) return el("p", { class: "tx-help", text: Array.isArray(value) ? "An empty list" : "Nothing yet" });
  return el(
    "ul",
    { class: "txe-tree" },
    entries.map(([key, each]) => {
      const name = Array.isArray(value) ? `${Number(key) + 1}` : key;
      const own = [...path, key];
      if (each !== null && typeof each === "object") {
        const count = Array.isArray(each) ? `${each.length} item${each.length === 1 ? "" : "s"}` : "";
        return el("li", {}, el("details", { props: { open: path.length < 2 } }, el("summary", {}, name, el("small", { text: count })), branch(each, own)));
      }
      return el("li", { class: "txe-leaf" }, el("label", {}, el("span", { text: name }), leaf(each, own)));
    }),
  );
}

function leaf(value, path) {
  const isYesNo = typeof value === "boolean";
  const props = isYesNo ? { checked: value } : { value: value === null ? "" : String(value) };
  return el("input", { type: isYesNo ? "checkbox" : "text", placeholder: value === null ? "nothing" : "", props: { ...props, path } });
}
