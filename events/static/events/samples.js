// The samples of an event type: a tab each, as a tree of values and as JSON.

import { Tree, element } from "./tree.js";

const TYPICAL = "Typical";

class Panel {
  constructor(root, { onChange, onName }) {
    this.root = root;
    this.prefix = root.dataset.prefix;
    this.key = this.prefix === "sample" ? "sample" : `${this.prefix}-ctx`;
    this.text = root.querySelector("textarea[name]");
    this.name = root.querySelector(`[name="${this.prefix}-name"]`);
    this.gone = root.querySelector("[data-gone]");
    this.problems = [];
    this.onChange = onChange;
    this.tree = new Tree(root.querySelector("[data-tree]"), (value) => {
      this.text.value = JSON.stringify(value, null, 2);
      onChange();
    });
    this.text.addEventListener("input", () => {
      this.readText();
      onChange();
    });
    this.name?.addEventListener("input", onName);
    for (const button of root.querySelectorAll("[data-view]")) {
      button.addEventListener("click", () => this.view(button.dataset.view));
    }
    root.querySelector("[data-tidy]").addEventListener("click", () => this.tidy());
    this.readText();
    if (root.querySelector(".errorlist")) this.view("json");
  }

  get label() {
    return this.name ? this.name.value.trim() || "No name" : TYPICAL;
  }

  get isGone() {
    return this.gone?.value === "on";
  }

  view(name) {
    this.root.querySelector(".et-pair").dataset.shown = name;
    for (const button of this.root.querySelectorAll("[data-view]")) {
      button.setAttribute("aria-pressed", String(button.dataset.view === name));
    }
  }

  readText() {
    try {
      const value = JSON.parse(this.text.value.trim() || "{}");
      if (value === null || typeof value !== "object" || Array.isArray(value)) throw new Error();
      this.tree.show(value);
    } catch {
      this.tree.say("The JSON cannot be read yet; see below where it breaks off.");
    }
  }

  put(text) {
    this.text.value = text;
    this.readText();
    this.onChange();
  }

  tidy() {
    try {
      this.put(JSON.stringify(JSON.parse(this.text.value || "{}"), null, 2));
    } catch {
      this.view("json");
      this.onChange();
    }
  }

  show(problems) {
    this.problems = problems;
    const list = this.root.querySelector("[data-problems]");
    list.replaceChildren(...problems.map((problem) => this.problem(problem)));
    for (const old of this.root.querySelectorAll(".errorlist")) old.remove();
  }

  problem({ message, line, column }) {
    const item = element("li");
    if (line) {
      const jump = element("button", {
        type: "button",
        className: "et-jump",
        textContent: `Line ${line}, column ${column}`,
      });
      jump.addEventListener("click", () => {
        this.view("json");
        select(this.text, line, column);
      });
      item.append(jump, " ");
    }
    item.append(message);
    return item;
  }
}

export function select(field, line, column) {
  const lines = field.value.split("\n");
  const start = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0) + column - 1;
  const rest = field.value.slice(start).match(/^("[^"\n]*"|[^\s,]*)/)[0];
  field.focus();
  field.setSelectionRange(start, start + Math.max(1, rest.length));
  field.scrollTop = (line - 4) * Number.parseFloat(getComputedStyle(field).lineHeight);
}

export class Samples {
  constructor(root, onChange) {
    this.root = root;
    this.onChange = onChange;
    this.tabs = root.querySelector("[data-tabs]");
    this.place = root.querySelector("[data-panels]");
    this.total = root.querySelector('[name="samples-TOTAL_FORMS"]');
    this.panels = [...this.place.querySelectorAll("[data-sample]")].map((each) => this.wire(each));
    const wrong = this.panels.find((panel) => panel.root.querySelector(".errorlist"));
    this.choose(wrong || this.panels[0]);
  }

  wire(root) {
    const panel = new Panel(root, { onChange: this.onChange, onName: () => this.drawTabs() });
    root.querySelector("[data-delete]")?.addEventListener("click", () => this.remove(panel));
    return panel;
  }

  get current() {
    return this.panels.find((panel) => !panel.root.hidden);
  }

  choose(chosen) {
    for (const panel of this.panels) panel.root.hidden = panel !== chosen;
    this.drawTabs();
  }

  drawTabs() {
    const buttons = this.panels
      .filter((panel) => !panel.isGone)
      .map((panel) => {
        const button = element("button", {
          type: "button",
          className: "pg-button",
          textContent: panel.label,
          "aria-pressed": String(!panel.root.hidden),
        });
        if (panel.problems.length) {
          button.append(element("span", { className: "et-mark", textContent: "does not fit" }));
        }
        button.addEventListener("click", () => this.choose(panel));
        return button;
      });
    const add = element("button", { type: "button", className: "pg-button et-plus", textContent: "Add a sample" });
    add.addEventListener("click", () => this.add());
    this.tabs.replaceChildren(...buttons, ...(this.total ? [add] : []));
  }

  add(text = null, name = "") {
    const index = Number(this.total.value);
    const copy = text ?? this.current.text.value;
    const html = this.root.querySelector("[data-blank]").innerHTML.replaceAll("__prefix__", String(index));
    const holder = element("div", { innerHTML: html });
    const root = holder.firstElementChild;
    this.place.append(root);
    this.total.value = String(index + 1);
    root.querySelector("textarea[name]").value = copy;
    const taken = new Set(this.panels.filter((each) => !each.isGone).map((each) => each.label));
    let free = name || `Sample ${taken.size + 1}`;
    for (let number = 2; taken.has(free); number += 1) free = `${name || "Sample"} ${number}`;
    root.querySelector(`[name="samples-${index}-name"]`).value = free.slice(0, 80);
    const panel = this.wire(root);
    this.panels.push(panel);
    this.choose(panel);
    panel.name.focus();
    panel.name.select();
    this.onChange();
    return panel;
  }

  remove(panel) {
    panel.gone.value = "on";
    this.choose(this.panels[0]);
    this.tabs.querySelector("button").focus();
    this.onChange();
  }

  show(answers) {
    for (const { key, problems } of answers) {
      this.panels.find((panel) => panel.key === key)?.show(problems);
    }
    const had = this.tabs.contains(document.activeElement)
      ? [...this.tabs.children].indexOf(document.activeElement)
      : -1;
    this.drawTabs();
    if (had >= 0) this.tabs.children[had]?.focus();
  }
}
