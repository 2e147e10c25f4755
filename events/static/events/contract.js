// The contract as a table of fields; the schema itself is worked out by the server.

import { select } from "./samples.js";
import { element } from "./tree.js";

export class Contract {
  constructor(root, { types, onChange }) {
    this.root = root;
    this.types = types;
    this.onChange = onChange;
    this.rows = [];
    this.text = root.querySelector("textarea[name=contract]");
    this.hidden = root.querySelector("[name=contract_rows]");
    this.closed = root.querySelector("[name=contract_closed]");
    this.closedBox = root.querySelector("[data-closed]");
    this.sensitive = document.querySelector("[name=sensitive_paths]");
    this.table = root.querySelector("[data-table]");
    this.newPath = root.querySelector("[data-new-path]");
    this.text.addEventListener("input", () => {
      this.hidden.value = this.closed.value = "";
      onChange();
    });
    for (const button of root.querySelectorAll("[data-view]")) {
      button.addEventListener("click", () => this.view(button.dataset.view));
    }
    this.closedBox.addEventListener("change", () => {
      this.closed.value = this.closedBox.checked ? "yes" : "no";
      this.edited();
    });
    root.querySelector("[data-add]").addEventListener("click", () => this.add());
    this.newPath.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.add();
    });
    this.sensitive?.addEventListener("input", onChange);
    if (root.querySelector(":scope > .errorlist") && !this.hidden.value) this.view("json");
  }

  view(name) {
    this.root.querySelector("[data-table-view]").hidden = name !== "table";
    this.root.querySelector("[data-json-view]").hidden = name !== "json";
    for (const button of this.root.querySelectorAll("[data-view]")) {
      button.setAttribute("aria-pressed", String(button.dataset.view === name));
    }
  }

  edited() {
    this.hidden.value = JSON.stringify(this.rows);
    this.onChange();
  }

  add() {
    const path = this.newPath.value.trim().replace(/^ctx\./, "");
    const problem = this.root.querySelector("[data-add-problem]");
    problem.textContent = "";
    if (!path) {
      problem.textContent = "Write the path of the field first, for example order.number.";
    } else if (this.rows.some((row) => row.path === path)) {
      problem.textContent = `“${path}” is there already.`;
    }
    if (problem.textContent) {
      this.newPath.focus();
      return;
    }
    this.before = { rows: this.rows, path };
    this.rows = [...this.rows, { path, type: "string", required: false, nullable: false, description: "" }];
    this.edited();
  }

  // What the server made of it; `sent` is the table as it was when it was asked.
  show(answer, sent) {
    const list = this.root.querySelector("[data-problems]");
    list.replaceChildren();
    for (const old of this.root.querySelectorAll(":scope > .errorlist")) old.remove();
    if (answer.problem) {
      if (this.before) {
        this.root.querySelector("[data-add-problem]").textContent = answer.problem.message;
        this.rows = this.before.rows;
        this.before = null;
        this.hidden.value = "";
        return;
      }
      list.append(this.problem(answer.problem));
      if (!this.hidden.value) {
        this.table.replaceChildren(
          element("p", { className: "pg-muted", textContent: "The table is back as soon as the JSON Schema can be read." }),
        );
      }
      return;
    }
    if (sent !== this.hidden.value) return; // Edited meanwhile; another answer follows.
    if (sent) this.text.value = answer.text;
    this.hidden.value = this.closed.value = "";
    const added = this.before?.path;
    if (added) this.newPath.value = "";
    this.before = null;
    this.put(answer);
    if (added) {
      const row = this.table.querySelector(`tr[data-path="${CSS.escape(added)}"]`);
      row?.classList.add("et-new");
      row?.querySelector("select")?.focus();
    }
  }

  put(answer) {
    this.rows = answer.rows;
    this.closedBox.checked = answer.closed === true;
    this.closedBox.indeterminate = answer.closed === null;
    this.closedBox.disabled = !answer.rows.length;
    this.draw();
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

  draw() {
    const focused = this.table.contains(document.activeElement) ? document.activeElement.dataset.at : null;
    if (!this.rows.length) {
      this.table.replaceChildren(
        element("p", {
          className: "pg-muted",
          textContent: "No field is described yet, so any object is accepted. Infer them from the samples, or add one.",
        }),
      );
      return;
    }
    const head = element("tr");
    for (const title of ["Field", "Type", "Required", "Nullable", "Example", "Sensitive", "Description"]) {
      head.append(element("th", { scope: "col", textContent: title }));
    }
    head.append(element("th", {}, element("span", { className: "et-only-read", textContent: "Remove" })));
    const table = element("table", { className: "et-fields" }, element("thead", {}, head));
    table.append(element("tbody", {}, ...this.rows.map((row) => this.row(row))));
    this.table.replaceChildren(table);
    if (focused) this.table.querySelector(`[data-at="${CSS.escape(focused)}"]`)?.focus();
  }

  row(row) {
    const made = element("tr", { "data-path": row.path });
    const name = row.path.split(/\.(?![^[]*'\])/).at(-1);
    const lead = row.path.slice(0, row.path.length - name.length);
    const path = element("td", { className: "et-path pg-mono", "data-label": "Field", title: row.path });
    path.style.setProperty("--depth", row.depth);
    path.append(
      element(
        "span",
        {},
        element("span", { className: "et-lead", textContent: lead }),
        element("b", { textContent: name }),
      ),
    );
    made.append(
      path,
      this.cell("Type", this.typeOf(row)),
      this.cell("Required", this.box(row, "required", `${row.path} is required`)),
      this.cell("Nullable", this.box(row, "nullable", `${row.path} can be null`, row.type === "any" || row.type === "other")),
      this.cell("Example", element("span", { className: "et-example", textContent: row.example, title: row.example })),
      this.cell("Sensitive", this.hider(row)),
      this.cell("Description", this.describer(row)),
      this.cell("", this.remover(row)),
    );
    return made;
  }

  cell(label, child) {
    return element("td", { "data-label": label }, child);
  }

  typeOf(row) {
    if (!row.is_editable) {
      return element("span", { className: "pg-muted pg-small", textContent: "Its own rules (JSON Schema)" });
    }
    const made = element("select", {
      className: "et-input",
      "data-at": `${row.path}#type`,
      "aria-label": `Type of ${row.path}`,
    });
    for (const [value, label] of this.types) {
      if (value !== "other") made.append(element("option", { value, textContent: label }));
    }
    made.value = row.type;
    made.addEventListener("change", () => {
      row.type = made.value;
      const keeps = /object/.test(row.type);
      if (!keeps) this.rows = this.rows.filter((each) => !isInside(each.path, row.path));
      this.edited();
    });
    return made;
  }

  box(row, field, label, disabled = false) {
    const made = element("input", {
      type: "checkbox",
      checked: row[field],
      disabled,
      "data-at": `${row.path}#${field}`,
      "aria-label": label,
    });
    made.addEventListener("change", () => {
      row[field] = made.checked;
      this.edited();
    });
    return made;
  }

  hider(row) {
    const made = element("input", {
      type: "checkbox",
      checked: row.sensitive,
      "data-at": `${row.path}#sensitive`,
      "aria-label": `${row.path} is sensitive: its value is never shown`,
    });
    made.addEventListener("change", () => {
      const plain = (line) => line.trim().replace(/^ctx\./, "");
      const lines = this.sensitive.value.split("\n").filter((line) => {
        const path = plain(line);
        return path && path !== row.path && path !== `${row.path}[]`;
      });
      if (made.checked) lines.push(row.path);
      this.sensitive.value = lines.join("\n");
      this.onChange();
    });
    return made;
  }

  describer(row) {
    const made = element("input", {
      className: "et-input",
      value: row.description,
      "data-at": `${row.path}#description`,
      "aria-label": `Description of ${row.path}`,
    });
    made.addEventListener("change", () => {
      row.description = made.value;
      this.edited();
    });
    return made;
  }

  remover(row) {
    const made = element("button", {
      type: "button",
      className: "et-remove",
      textContent: "×",
      title: `Remove ${row.path}`,
      "aria-label": `Remove ${row.path}`,
    });
    made.addEventListener("click", () => {
      this.rows = this.rows.filter((each) => each !== row && !isInside(each.path, row.path));
      this.edited();
      this.newPath.focus();
    });
    return made;
  }

  showBroken(broken) {
    const place = this.root.querySelector("[data-broken]");
    place.replaceChildren();
    if (!broken.length) return;
    const list = element("ul", { className: "pg-list" });
    for (const [label, url, words] of broken) {
      list.append(
        element("li", {}, element("a", { href: url, target: "_blank", textContent: label }), `: ${words.join(" · ")}`),
      );
    }
    place.append(
      element(
        "div",
        { className: "pg-note pg-danger", role: "status" },
        element("b", { textContent: "Saving this contract breaks what is published" }),
        list,
      ),
    );
  }
}

const isInside = (path, parent) =>
  path.startsWith(`${parent}.`) || path.startsWith(`${parent}[`);
