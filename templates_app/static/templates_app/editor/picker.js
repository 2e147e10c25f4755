/**
 * The personalization picker: a dialog that shows what a message can say and puts the
 * choice where the cursor was. Nobody has to know a path.
 */

import { el } from "../blocks/dom.js";
import { contextAt, openLoops, scopeGroups } from "./liquid.js";
import { snippetsFor, waysFor } from "./ways.js";

const KINDS = { string: "text", number: "number", boolean: "yes or no", array: "list", object: "group" };

export class Picker {
  #field = null;
  #selection = [0, 0];
  #scopes = [];
  #tab = "context";
  #chosen = null;

  constructor(vocabulary) {
    this.vocabulary = vocabulary;
    this.dialog = this.#frame();
    document.body.append(this.dialog);
    vocabulary.addEventListener("change", () => {
      if (this.dialog.open) this.#draw();
    });
  }

  /** Open for a field (see fields.js); `scope` is where a repeated block stands. */
  open(field, scope = null) {
    this.#field = field;
    this.#selection = field.selection;
    this.#scopes = scope ? scope.scopes || [scope] : openLoops(field.text.slice(0, this.#selection[0]));
    this.#chosen = null;
    this.#tab = this.#scopes.length ? "item-0" : "context";
    this.dialog.querySelector("h2").textContent = `Personalize: ${field.label || "text"}`;
    this.search.value = "";
    this.#draw();
    this.dialog.showModal();
    this.search.focus();
  }

  #frame() {
    this.search = el("input", {
      type: "search",
      "aria-label": "Search what can be said",
      placeholder: "Search: order number, money, name …",
      on: { input: () => this.#draw() },
    });
    this.tabs = el("div", { class: "txe-picker-tabs", role: "tablist", "aria-label": "Where it comes from", "aria-orientation": "vertical" });
    this.list = el("div", { class: "txe-picker-list", id: "txe-picker-list", role: "tabpanel", tabindex: "-1", "aria-label": "What can be said" });
    this.detail = el("div", { class: "txe-picker-detail", "aria-live": "polite" });
    const close = el("button", { type: "button", class: "tx-button", "aria-label": "Close", text: "✕", on: { click: () => this.dialog.close() } });
    const dialog = el(
      "dialog",
      { class: "tx-form txe-dialog txe-picker", "aria-labelledby": "txe-picker-title" },
      el("header", {}, el("h2", { id: "txe-picker-title" }), close),
      el("div", { class: "txe-picker-search" }, this.search),
      el("div", { class: "txe-picker-body" }, this.tabs, this.list, this.detail),
    );
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close();
    });
    this.search.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") {
        event.preventDefault();
        this.list.querySelector("button")?.focus();
      } else if (event.key === "Enter") {
        event.preventDefault();
        (this.list.querySelector("button[data-hit]") || this.list.querySelector("button[data-pick]"))?.click();
        this.detail.querySelector(".tx-primary")?.focus();
      }
    });
    this.list.addEventListener("keydown", (event) => this.#walk(event));
    return dialog;
  }

  #walk(event) {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const all = [...this.list.querySelectorAll("button, summary")].filter((each) => each.offsetParent);
    const next = all[all.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1)];
    if (!next) return;
    event.preventDefault();
    next.focus();
  }

  #groups() {
    const { data } = this.vocabulary;
    const groups = [
      ...scopeGroups(data, this.#scopes),
      { name: "context", label: "Event data", nodes: data.context, empty: "No data yet: fill in a context sample or choose an event type." },
      { name: "recipient", label: "Recipient", nodes: data.recipient },
      { name: "profile", label: "Profile", nodes: data.profile },
      { name: "message", label: "Message and event", nodes: [...data.message, ...data.event] },
      { name: "blocks", label: "Content blocks", snippets: data.blocks.map((block) => ({ ...block, title: block.label, about: block.name })), empty: "No content blocks yet." },
      { name: "logic", label: "Conditions and loops", snippets: snippetsFor(data, this.#scopes), empty: "" },
      { name: "filters", label: "Formats", snippets: data.filters.map((filter) => ({ title: filter.name, about: filter.about, example: filter.example, result: filter.result, insert: filter.example })) },
    ];
    const takesBlocks = data.tags.some(({ name }) => name === "block"); // a block takes none
    return groups.filter(({ name, nodes }) => (name !== "profile" || nodes?.length) && (name !== "blocks" || takesBlocks));
  }

  #draw() {
    const groups = this.#groups();
    const words = this.search.value.trim().toLowerCase();
    this.dialog.toggleAttribute("data-searching", words !== "");
    if (!groups.some(({ name }) => name === this.#tab)) this.#tab = "context";
    this.tabs.replaceChildren(
      ...groups.map(({ name, label }) =>
        el("button", {
          type: "button",
          role: "tab",
          "aria-selected": String(!words && name === this.#tab),
          "aria-controls": "txe-picker-list",
          text: label,
          on: {
            click: () => {
              this.#tab = name;
              this.search.value = "";
              this.#draw();
            },
          },
        }),
      ),
    );
    const shown = words ? groups : groups.filter(({ name }) => name === this.#tab);
    const parts = shown.map((group) => this.#part(group, words)).filter(Boolean);
    this.list.replaceChildren(...(parts.length ? parts : [el("p", { text: `Nothing is called “${this.search.value}”.` })]));
    this.#show(this.#chosen);
  }

  #part(group, words) {
    const rows = group.nodes
      ? this.#rows(group.nodes, words)
      : (group.snippets || []).filter((each) => fits(each, words)).map((each) => this.#snippet(each));
    if (words && rows.length === 0) return null;
    const head = words ? el("h3", { text: group.label }) : null;
    const empty = rows.length === 0 && group.empty ? el("p", { class: "tx-help", text: group.empty }) : null;
    return el("section", {}, head, empty, el("ul", { class: "txe-tree" }, rows));
  }

  #rows(nodes, words) {
    return nodes.flatMap((node) => {
      const below = this.#rows(node.children || [], words);
      const isHit = !words || fits({ title: node.name, about: node.path, more: node.description }, words);
      if (words && !isHit && below.length === 0) return [];
      if (!below.length) return [el("li", {}, this.#value(node, isHit))];
      const open = words !== "" || node.kind === "object";
      const inside = el("ul", { class: "txe-tree" }, below);
      return [el("li", {}, this.#value(node, isHit), el("details", { props: { open } }, el("summary", { text: node.kind === "array" ? "Fields of each item" : "Fields" }), inside))];
    });
  }

  #value(node, isHit) {
    const isPlain = node.kind === "object";
    const marks = [
      node.sensitive ? el("span", { class: "tx-pill tx-pill-warn", text: "sensitive" }) : null,
      node.required || isPlain ? null : el("span", { class: "tx-pill tx-pill-neutral", text: "may be missing" }),
    ];
    const inside = [
      el("span", { class: "txe-name", text: node.name }),
      el("span", { class: "txe-kind", text: KINDS[node.kind] || node.kind }),
      el("span", { class: "txe-sample", text: node.sample || "" }),
      ...marks,
    ];
    if (isPlain) return el("div", { class: "txe-value txe-group" }, inside);
    return el(
      "button",
      {
        type: "button",
        class: "txe-value",
        "data-pick": node.path,
        "data-hit": isHit,
        title: node.description || node.path,
        "aria-pressed": String(this.#chosen?.node?.path === node.path),
        on: { click: (event) => this.#choose({ node, ways: waysFor(node, this.vocabulary.data) }, event), dblclick: () => this.#insert(waysFor(node, this.vocabulary.data)[0].insert) },
      },
      inside,
    );
  }

  #snippet(each) {
    return el(
      "li",
      {},
      el(
        "button",
        {
          type: "button",
          class: "txe-value",
          "data-pick": each.insert,
          on: { click: (event) => this.#choose({ title: each.title, about: each.about, ways: [each] }, event), dblclick: () => this.#insert(each.insert) },
        },
        el("span", { class: "txe-name", text: each.title }),
        el("span", { class: "txe-sample", text: each.result ?? each.about ?? "" }),
      ),
    );
  }

  #choose(chosen, event) {
    this.#chosen = chosen;
    for (const each of this.list.querySelectorAll("[data-pick]")) each.setAttribute("aria-pressed", String(each === event.currentTarget));
    this.#show(chosen);
  }

  #show(chosen) {
    if (!chosen) {
      this.detail.replaceChildren(el("p", { class: "tx-help", text: "Choose what to say; then how to say it." }));
      return;
    }
    const { node } = chosen;
    const name = `txe-way`;
    const ways = chosen.ways.map((way, at) =>
      el(
        "label",
        { class: "txe-way" },
        el("input", { type: "radio", name, value: String(at), props: { checked: at === 0 } }),
        el("span", {}, el("strong", { text: way.label || way.title }), way.result ? el("small", { text: way.result }) : null, el("code", { text: way.insert })),
      ),
    );
    const insert = el("button", {
      type: "button",
      class: "tx-button tx-primary",
      text: "Insert",
      on: { click: () => this.#insert(chosen.ways[Number(this.detail.querySelector(`[name=${name}]:checked`)?.value || 0)].insert) },
    });
    const facts = node ? [node.description, node.required ? "Always there." : "May be missing in an event: say something else then."] : [chosen.about];
    this.detail.replaceChildren(
      el("h3", { text: node ? node.name : chosen.title }),
      ...facts.filter(Boolean).map((text) => el("p", { class: "tx-help", text })),
      el("div", { class: "txe-ways", role: "group", "aria-label": "How to say it" }, ways),
      insert,
    );
  }

  #insert(words) {
    const field = this.#field;
    const [start, end] = this.#selection;
    this.dialog.close();
    insertInto(field, start, end, words);
  }
}

/** Put words into a field in place of a selection, or of the `{{` that was begun there. */
export function insertInto(field, start, end, words) {
  const open = contextAt(field.text.slice(0, start));
  let [from, to] = [start, end];
  if (open) {
    from = open.start;
    const closing = /^[\w.]*\s*-?[%}]?\}/.exec(field.text.slice(to));
    if (closing) to += closing[0].length;
  }
  const text = field.isLine ? words.replaceAll(/\s*\n\s*/g, "") : words;
  field.splice(from, to, text);
  const blank = text.indexOf("…");
  if (blank >= 0) field.select(from + blank, from + blank + 1);
}

function fits({ title = "", about = "", more = "" }, words) {
  const text = `${title} ${title.replaceAll(/[_-]/g, " ")} ${about} ${more}`.toLowerCase();
  return words.split(/\s+/).every((word) => text.includes(word));
}

