// A JSON value as a tree of fields; every edit hands the whole value back.

const KINDS = { string: "Text", number: "Number", boolean: "True or false", null: "Empty (null)" };
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const LONG = 70;
const MANY = 3;

export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("data-") || key.startsWith("aria-") || key === "for" || key === "role") {
      made.setAttribute(key, value);
    } else {
      made[key] = value;
    }
  }
  made.append(...children);
  return made;
}

const kindOf = (value) => (value === null ? "null" : Array.isArray(value) ? "array" : typeof value);
const isBranch = (value) => value !== null && typeof value === "object";
const step = (path, key) =>
  typeof key === "number" ? `${path}[${key}]` : path ? `${path}.${key}` : key;

export class Tree {
  // `onEdit(value)` is called with the whole value after every edit.
  constructor(place, onEdit) {
    this.place = place;
    this.onEdit = onEdit;
    this.closed = new Set();
    this.seen = new Set();
  }

  show(value) {
    this.value = value;
    const had = this.place.contains(document.activeElement) ? document.activeElement.dataset.at : null;
    this.place.replaceChildren(...this.members(value, ""));
    if (had) this.place.querySelector(`[data-at="${CSS.escape(had)}"]`)?.focus();
  }

  say(sentence) {
    this.place.replaceChildren(element("p", { className: "pg-muted", textContent: sentence }));
  }

  members(parent, path) {
    const entries = Array.isArray(parent)
      ? parent.map((value, index) => [index, value])
      : Object.entries(parent);
    const rows = entries.map(([key, value]) =>
      isBranch(value) ? this.branch(parent, key, value, path) : this.leaf(parent, key, value, path),
    );
    return [...rows, this.adder(parent, path)];
  }

  branch(parent, key, value, path) {
    const at = step(path, key);
    const count = Object.keys(value).length;
    const noun = Array.isArray(value) ? "item" : "field";
    const words = `${count} ${noun}${count === 1 ? "" : "s"}`;
    if (!this.seen.has(at)) {
      this.seen.add(at);
      if (typeof key === "number" && key >= MANY) this.closed.add(at);
    }
    const made = element("details", { className: "et-branch", open: !this.closed.has(at) });
    made.append(
      element(
        "summary",
        { "data-at": `${at}!` },
        element("b", { textContent: this.label(key) }),
        element("span", { className: "pg-muted pg-small", textContent: ` ${words}` }),
      ),
      element("div", { className: "et-members" }, ...this.members(value, at)),
    );
    made.addEventListener("toggle", () => this.closed[made.open ? "delete" : "add"](at));
    // Beside it, not in its summary: a button in a button is out of reach.
    return element("div", { className: "et-fold" }, made, this.remover(parent, key, at));
  }

  label(key) {
    return typeof key === "number" ? `Item ${key + 1}` : key;
  }

  leaf(parent, key, value, path) {
    const at = step(path, key);
    const row = element("div", { className: "et-leaf" });
    const input = this.input(value, at);
    input.addEventListener("change", () => {
      const read = this.read(input, kindOf(value));
      input.toggleAttribute("aria-invalid", read === undefined);
      if (read === undefined) return;
      parent[key] = read;
      value = read;
      this.edited();
    });
    row.append(
      element("label", { htmlFor: input.id, textContent: this.label(key), title: at }),
      input,
      this.kinds(parent, key, value, at),
      this.remover(parent, key, at),
    );
    return row;
  }

  input(value, at) {
    const kind = kindOf(value);
    const id = `tree-${(Tree.count = (Tree.count || 0) + 1)}`;
    const shared = { id, "data-at": at, className: "et-input" };
    if (kind === "boolean") {
      const made = element("select", shared);
      for (const each of ["true", "false"]) made.append(element("option", { value: each, textContent: each }));
      made.value = String(value);
      return made;
    }
    if (kind === "null") {
      return element("input", { ...shared, value: "null", readOnly: true });
    }
    if (kind === "string" && (value.length > LONG || value.includes("\n"))) {
      return element("textarea", { ...shared, value, rows: Math.min(6, Math.ceil(value.length / 60) + 1) });
    }
    const made = element("input", { ...shared, value: String(value) });
    if (kind === "number") made.inputMode = "decimal";
    return made;
  }

  read(input, kind) {
    if (kind === "number") {
      const text = input.value.trim();
      return NUMBER.test(text) ? Number(text) : undefined;
    }
    if (kind === "boolean") return input.value === "true";
    return kind === "null" ? null : input.value;
  }

  kinds(parent, key, value, at) {
    const made = element("select", {
      className: "et-kind",
      "data-at": `${at}?`,
      "aria-label": `Kind of ${at}`,
    });
    for (const [kind, label] of Object.entries(KINDS)) {
      made.append(element("option", { value: kind, textContent: label }));
    }
    made.value = kindOf(value);
    made.addEventListener("change", () => {
      const was = parent[key];
      const text = was === null ? "" : String(was);
      const as = {
        string: text,
        number: NUMBER.test(text) ? Number(text) : 0,
        boolean: Boolean(was),
        null: null,
      };
      parent[key] = as[made.value];
      this.edited(true);
    });
    return made;
  }

  remover(parent, key, at) {
    const made = element("button", {
      type: "button",
      className: "et-remove",
      textContent: "×",
      title: `Remove ${at}`,
      "aria-label": `Remove ${at}`,
    });
    made.addEventListener("click", (event) => {
      event.preventDefault();
      if (Array.isArray(parent)) parent.splice(key, 1);
      else delete parent[key];
      this.edited(true);
    });
    return made;
  }

  adder(parent, path) {
    const isList = Array.isArray(parent);
    const button = element("button", {
      type: "button",
      className: "et-adder",
      "data-at": `${path}+`,
      textContent: isList ? "Add an item" : "Add a field",
    });
    button.addEventListener("click", () => {
      if (isList) {
        parent.push(parent.length ? structuredClone(parent.at(-1)) : "");
        this.edited(true);
      } else {
        this.askName(button, parent, path);
      }
    });
    return button;
  }

  askName(button, parent, path) {
    const input = element("input", {
      className: "et-input",
      placeholder: "name of the field",
      "aria-label": `Name of the new field${path ? ` in ${path}` : ""}`,
    });
    let done = false;
    const end = (keep) => {
      if (done) return;
      done = true;
      const name = input.value.trim();
      input.replaceWith(button);
      if (keep && name && !Object.hasOwn(parent, name)) {
        parent[name] = "";
        this.edited(true);
        this.place.querySelector(`[data-at="${CSS.escape(step(path, name))}"]`)?.focus();
      } else {
        button.focus();
      }
    };
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === "Escape") {
        event.preventDefault();
        end(event.key === "Enter");
      }
    });
    input.addEventListener("blur", () => end(true));
    button.replaceWith(input);
    input.focus();
  }

  edited(isNewShape = false) {
    if (isNewShape) this.show(this.value);
    this.onEdit(this.value);
  }
}
