/** Blocks, MJML or HTML: which one an email is written as, and the blocks' editor. */

import { el } from "../blocks/dom.js";
import { mountBlockEditor } from "../blocks/editor.js";
import { InputField, fieldOf } from "./fields.js";

export class SourceKinds {
  #editor = null;
  #findings = [];

  /** `tools`: vocabulary, picker, stage, kinds, urls, images, say. */
  constructor(form, tools) {
    Object.assign(this, { form, ...tools });
    this.select = form.elements.source_kind;
    this.root = form.querySelector("[data-blocks-root]");
    this.area = form.elements.blocks;
    this.area.closest("[data-raw]").hidden = true;
    this.#segments();
    this.select.addEventListener("change", () => this.#shown());
    this.vocabulary.addEventListener("change", () => this.#editor?.setVocabulary(this.vocabulary.data));
    this.#shown();
  }

  get isBlocks() {
    return this.select.value === "blocks";
  }

  setFindings(findings) {
    this.#findings = findings;
    this.#editor?.setFindings(findings);
  }

  /** Select a block, for who comes from the preview or a finding. */
  show(id, field) {
    if (!this.isBlocks || !this.#editor) return;
    this.#editor.select(id, field);
    this.root.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  /** Return the value of a finding's field with what it suggests, or null. */
  mended(finding) {
    return this.#editor?.mended(finding) ?? null;
  }

  /** Write what a finding in a block suggests. */
  mend(finding) {
    this.#editor?.mend(finding);
  }

  /** Return what a block is called: Button. */
  nameOf(id) {
    const kind = this.#kindOf(id);
    return this.#about(kind)?.label || kind || "";
  }

  /** Return what a field of a block is called: Image address. */
  labelOf(id, name) {
    const field = this.#about(this.#kindOf(id))?.fields.find((each) => each.name === name);
    return field?.label || { show_if: "Show if", repeat: "Repeat" }[name] || (name || "").replaceAll("_", " ");
  }

  #about(kind) {
    return (this.kinds.kinds || this.kinds).find?.((each) => each.kind === kind);
  }

  #kindOf(id) {
    const search = (blocks) => {
      for (const block of blocks || []) {
        if (block.id === id) return block.kind;
        for (const column of block.columns || []) {
          const found = search(column.blocks);
          if (found) return found;
        }
      }
      return "";
    };
    return search(this.#editor?.document().blocks);
  }

  #segments() {
    const choices = [...this.select.options].map((option) =>
      el("button", { type: "button", "data-kind": option.value, props: { disabled: this.select.disabled }, text: option.textContent, on: { click: () => this.#switch(option.value) } }),
    );
    this.segments = el("div", { class: "tx-views txe-kinds", role: "group", "aria-label": "Written as" }, choices);
    const frame = this.select.closest(".tx-field");
    frame.classList.add("txe-behind");
    frame.setAttribute("aria-hidden", "true");
    this.select.tabIndex = -1;
    this.form.querySelector("[data-kinds]").append(this.segments);
  }

  #shown() {
    const { value } = this.select;
    for (const each of this.segments.children) each.setAttribute("aria-pressed", String(each.dataset.kind === value));
    this.form.querySelector("[data-source-part]").hidden = this.isBlocks;
    this.root.hidden = !this.isBlocks;
    if (this.isBlocks) this.#mount();
    else fieldOf("source")?.editor?.resize(true);
  }

  #mount() {
    if (this.#editor) return;
    let document = {};
    try {
      document = JSON.parse(this.area.value || "{}");
    } catch {
      this.area.closest("[data-raw]").hidden = false; // what cannot be read is not lost
      return;
    }
    this.#editor = mountBlockEditor(this.root, {
      document,
      kinds: this.kinds,
      vocabulary: this.vocabulary.data,
      readOnly: "readOnly" in this.root.dataset,
      onChange: (changed) => {
        this.area.value = JSON.stringify(changed);
        this.area.dispatchEvent(new Event("input", { bubbles: true }));
      },
      onSelect: (id) => this.stage?.select(id),
      openPicker: (input, scope) => this.picker.open(new InputField(input), scope || null),
      ...this.images,
    });
    this.#editor.setFindings(this.#findings);
  }

  async #switch(kind) {
    if (kind === this.select.value) return;
    if (this.isBlocks && kind === "mjml" && this.#hasBlocks()) {
      const answer = await this.#ask();
      if (answer === "cancel") return;
      if (answer === "convert" && !(await this.#convert())) return;
    }
    this.select.value = kind;
    this.select.dispatchEvent(new Event("input", { bubbles: true }));
    this.#shown();
  }

  #hasBlocks() {
    try {
      return (JSON.parse(this.area.value || "{}").blocks || []).length > 0;
    } catch {
      return false;
    }
  }

  #ask() {
    const hasSource = this.form.elements.source.value.trim() !== "";
    const dialog = this.form.ownerDocument.getElementById("txe-convert");
    dialog.querySelector("[data-overwrites]").hidden = !hasSource;
    dialog.returnValue = "cancel";
    dialog.showModal();
    return new Promise((done) => {
      dialog.addEventListener("close", () => done(dialog.returnValue || "cancel"), { once: true });
    });
  }

  async #convert() {
    const body = new URLSearchParams({ csrfmiddlewaretoken: this.form.elements.csrfmiddlewaretoken.value, blocks: this.area.value });
    const response = await fetch(this.urls.mjml, { method: "POST", body });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) {
      this.say(answer.message || "The blocks cannot be converted now.");
      return false;
    }
    const field = fieldOf("source");
    field.splice(0, field.text.length, answer.mjml);
    return true;
  }
}
