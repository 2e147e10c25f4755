/** What is wrong and where: the list beside the preview, marks in the fields, jumps. */

import { el } from "../blocks/dom.js";
import { meantBy } from "../blocks/findings.js";
import { allFields, fieldOf, rangeOf, rowFields, unfold } from "./fields.js";

const FIELD_OF_PART = { html: "source" };
const NAMES = { html: "source", context_sample: "context sample", from_name: "from name", from_address: "from address", reply_to: "reply to" };

const isOfBlock = (part) => /^blocks\//.test(part || "");
const fieldName = (part) => FIELD_OF_PART[part] || part;

/** Return what a place is called: `source, line 3, column 14`. */
export function placeWords({ part, line, column }, { blockName, fieldLabel }) {
  const parts = (part || "").split("/");
  const known = {
    blocks: () => [...new Set([blockName(parts[1]), fieldLabel(parts[1], parts[2])])].filter(Boolean).join(", "),
    block: () => `content block ${parts[1]}`,
    attachments: () => `attachment ${Number(parts[1]) + 1}`,
    options: () => `options, ${parts.slice(1).join(" ")}`,
  };
  const name = known[parts[0]] && parts.length > 1 ? known[parts[0]]() : NAMES[part] || part;
  const isShort = parts.length > 1 || ["subject", "preheader", "title", "sender"].includes(part);
  const isLong = line && (line > 1 || !isShort);
  const across = line && column > 1 ? `column ${column}` : "";
  const words = [name, isLong ? `line ${line}, column ${column}` : across];
  return words.filter(Boolean).join(", ");
}

export class FindingList {
  /** `go` opens places that are no text field: {blocks(id, field), attachment(n), …}. */
  constructor(root, form, go) {
    this.root = root;
    this.form = form;
    this.go = go;
  }

  show(findings) {
    this.findings = findings;
    const errors = findings.filter(({ severity }) => severity === "error");
    const warnings = findings.filter(({ severity }) => severity !== "error");
    this.root.replaceChildren(
      ...[
        this.#group("error", errors, errors.length === 1 ? "1 error" : `${errors.length} errors`, "stops publishing"),
        this.#group("warning", warnings, warnings.length === 1 ? "1 warning" : `${warnings.length} warnings`, "look at it"),
      ].filter(Boolean),
    );
    for (const field of [...allFields(), ...rowFields(this.form)]) {
      field.mark(findings.filter(({ part }) => fieldName(part) === field.name));
    }
  }

  #group(severity, findings, head, words) {
    if (findings.length === 0) return null;
    const list = el("ul", {}, findings.map((finding) => this.#item(finding)));
    if (severity === "error") return el("section", { class: "txe-found txe-found-error" }, el("h3", {}, head, el("small", { text: words })), list);
    const summary = el("summary", {}, head, el("small", { text: words }));
    const open = !this.root.querySelector(".txe-found-warning:not([open])");
    return el("details", { class: "txe-found txe-found-warning", props: { open } }, summary, list);
  }

  #item(finding) {
    const place = placeWords(finding, this.go);
    const replacement = this.#replacement(finding);
    const link = /^block\//.test(finding.part || "") && this.go.contentBlock(finding.part.split("/")[1]);
    const jump = el(
      link ? "a" : "button",
      {
        ...(link ? { href: link, target: "_blank" } : { type: "button" }),
        class: "txe-jump",
        on: link ? {} : { click: () => this.jump(finding) },
      },
      el("span", { text: finding.message }),
      finding.suggestion && !replacement ? el("em", { text: finding.suggestion }) : null,
      place ? el("small", { text: place }) : null,
    );
    const use = replacement
      ? el("button", { type: "button", class: "txe-use", on: { click: () => this.#use(finding, replacement) } }, "Did you mean ", el("code", { text: replacement }), "? Replace")
      : null;
    return el("li", { data: { code: finding.code } }, jump, use);
  }

  /** Return what to write instead, if the suggestion says so and the place is known. */
  #replacement(finding) {
    const { part, line, length, path } = finding;
    const meant = meantBy(finding);
    if (!meant) return "";
    if (isOfBlock(part)) return this.go.mayMend(finding) ? meant : "";
    const field = fieldOf(fieldName(part));
    return field && !field.isReadOnly && line && (length || path) ? meant : "";
  }

  #use(finding, replacement) {
    if (isOfBlock(finding.part)) {
      this.go.mend(finding);
      return;
    }
    const field = fieldOf(fieldName(finding.part));
    unfold(field.element);
    const [start, end] = rangeOf(field.text, finding);
    field.splice(start, end, replacement);
  }

  /** Go to where a finding is. */
  jump(finding) {
    const parts = (finding.part || "").split("/");
    if (parts[0] === "blocks" && parts.length > 1) {
      this.go.blocks(parts[1], parts[2]);
      return;
    }
    if (parts[0] === "attachments") {
      this.go.attachment(Number(parts[1] || 0), parts[2]);
      return;
    }
    if (parts[0] === "options" && parts.length > 2) {
      this.go.option(parts[1], parts[2]);
      return;
    }
    const field = fieldOf(fieldName(finding.part));
    if (field) {
      if (finding.line) field.show(...rangeOf(field.text, finding));
      else {
        unfold(field.element);
        field.focus();
      }
      return;
    }
    const element = this.form.elements[fieldName(finding.part)];
    if (element?.focus) {
      unfold(element);
      element.focus();
    }
  }
}
