/**
 * The visual editor of an email: a list of blocks, and the properties of the one selected.
 *
 * It holds a block document (see model.js) and hands out every new state of it; it knows
 * nothing of forms, the server or the preview. Everything it needs comes by its options.
 */

import { keepingFocus } from "./dom.js";
import { blockList, cardItem } from "./cards.js";
import { buildFrame } from "./frame.js";
import { watchDragging } from "./dragging.js";
import { exampleBlocks, newBlock } from "./example.js";
import { Findings, mendedValue, placeOf } from "./findings.js";
import { History } from "./history.js";
import { watchKeys } from "./keys.js";
import { kindsOf, settingsOf } from "./kinds.js";
import * as model from "./model.js";
import { openPalette } from "./palette.js";
import { panelLabel, panelOf, showFindings } from "./properties.js";
import { nameOf } from "./summary.js";

/**
 * Put an editor into `root`.
 *
 * Options: `document`, `kinds` (what rendering.blocks describes), `vocabulary`,
 * `readOnly`, `onChange(document)`, `onSelect(blockId|null)`, `openPicker(input, scope?)`
 * with scope {itemName, collectionPath, scopes}, `uploadImage(file)` → {url, width,
 * height}, `chooseImage()` → {url, alt} or null. Only `document` and `kinds` are needed.
 *
 * Return {document(), select(blockId, field?), setVocabulary(v), setFindings(list),
 * mended(finding), mend(finding), destroy()}: `mended` is what a finding would make of
 * its field, or null.
 */
export function mountBlockEditor(root, options) {
  const editor = new Editor(root, options);
  return {
    document: () => structuredClone(editor.state.document),
    select: (id, field) => editor.show(id, field),
    setVocabulary: (vocabulary) => editor.setVocabulary(vocabulary),
    setFindings: (findings) => editor.setFindings(findings),
    mended: (finding) => editor.mended(finding),
    mend: (finding) => editor.mend(finding),
    destroy: () => editor.destroy(),
  };
}

class Editor {
  #history = new History();
  #isStale = false;
  #palette = null;

  constructor(root, options) {
    this.root = root;
    this.options = options;
    this.state = {
      document: model.adopted(options.document),
      kinds: kindsOf(options.kinds),
      settings: settingsOf(options.kinds),
      vocabulary: options.vocabulary || {},
      findings: new Findings(),
      readOnly: Boolean(options.readOnly),
      selected: null,
      isLogicOpen: false,
    };
    this.frame = buildFrame(this);
    root.replaceChildren(this.frame.element);
    this.dragging = watchDragging(this.frame.pane, {
      mayStart: () => !this.state.readOnly,
      accepts: (id, parent) => this.accepts(this.find(id)?.block.kind, parent),
      drop: (id, place) => this.move(id, place),
      nameOf: (id) => this.name(id),
      ended: () => this.#drawIfStale(),
    });
    watchKeys(this);
    this.drawList();
    this.drawPanel();
  }

  // --- asking

  find(id) {
    return id ? model.find(this.state.document, id) : null;
  }

  name(id) {
    const { block } = this.find(id);
    return nameOf(block, this.state.kinds.get(block.kind));
  }

  accepts(kind, parent) {
    return parent === model.TOP || Boolean(this.state.kinds.get(kind)?.inColumns);
  }

  canStep(id, step) {
    return model.stepFrom(this.state.document, id, step) !== null;
  }

  card(id) {
    return this.frame.pane.querySelector(`[data-card="${CSS.escape(id)}"]`);
  }

  // --- changing

  /** Take a new document, keep the old one for undo, tell the page, show it. */
  commit(document, { key = null, select, only = null } = {}) {
    if (this.state.readOnly || document === this.state.document) return;
    this.#history.keep({ document: this.state.document, selected: this.state.selected }, key);
    this.state.document = document;
    if (select !== undefined) this.#choose(select);
    this.frame.hideToast();
    this.options.onChange?.(structuredClone(document));
    if (only) this.drawItem(only);
    else this.drawList();
  }

  /** Change a block's fields; changes with one `key` in quick succession are undone as one. */
  patch(id, changes, key = null, isRedrawn = false) {
    this.commit(model.patched(this.state.document, id, changes), { key, only: id });
    if (isRedrawn) this.drawPanel();
  }

  patchSettings(changes, key) {
    this.commit(model.withSettings(this.state.document, changes), { key });
  }

  add(kind, place) {
    const block = newBlock(this.state.document, kind);
    this.commit(model.inserted(this.state.document, block, place), { select: block.id });
    this.drawPanel();
    this.enterProperties();
    this.frame.announce(`Added. ${this.where(block.id)}`);
  }

  move(id, place) {
    const moved = model.moved(this.state.document, id, place);
    if (moved === this.state.document) return;
    this.commit(moved, { select: id });
    this.drawPanel();
    this.card(id)?.scrollIntoView({ block: "nearest" });
    this.frame.announce(`Moved. ${this.where(id)}`);
  }

  /** Move one step along the list (out of columns at their end). */
  step(id, step) {
    const place = model.stepFrom(this.state.document, id, step);
    if (place) this.move(id, place);
    else this.frame.announce(step < 0 ? "Already the first block" : "Already the last block");
  }

  /** Move one step sideways, between columns or into them. */
  sidestep(id, step) {
    const place = model.sidestepFrom(this.state.document, id, step);
    const mayGo = place && this.accepts(this.find(id).block.kind, place.parent);
    if (mayGo) this.move(id, place);
    else this.frame.announce("No column to move to");
  }

  duplicate(id) {
    const { document, id: copy } = model.duplicated(this.state.document, id);
    this.commit(document, { select: copy });
    this.drawPanel();
    this.card(copy)?.focus();
    this.frame.announce(`Duplicated. ${this.where(copy)}`);
  }

  remove(id) {
    const name = this.name(id);
    const cards = [...this.frame.pane.querySelectorAll("[data-card]")];
    const gone = new Set(model.idsWithin(this.find(id).block));
    const at = cards.findIndex((card) => card.dataset.card === id);
    const isLeft = (card) => !gone.has(card.dataset.card);
    const next = cards.slice(at).find(isLeft) || cards.slice(0, at).reverse().find(isLeft);
    this.commit(model.removed(this.state.document, id), { select: null });
    this.drawPanel();
    (next ? this.card(next.dataset.card) : this.frame.pane.querySelector("button"))?.focus();
    this.frame.showToast(`Deleted: ${name}`, () => this.undo());
  }

  startFromExample() {
    const { document, vocabulary } = this.state;
    const blocks = exampleBlocks(document, vocabulary);
    this.commit({ ...document, blocks: [...document.blocks, ...blocks] }, { select: blocks[0].id });
    this.drawPanel();
    this.card(blocks[0].id)?.focus();
    this.frame.announce(`An example of ${blocks.length} blocks was put in.`);
  }

  undo() {
    this.#turn(this.#history.undo({ document: this.state.document, selected: this.state.selected }), "Undone");
  }

  redo() {
    this.#turn(this.#history.redo({ document: this.state.document, selected: this.state.selected }), "Done again");
  }

  #turn(to, words) {
    this.frame.hideToast();
    if (!to || this.state.readOnly) return this.frame.announce(`Nothing to ${words === "Undone" ? "undo" : "redo"}`);
    this.state.document = to.document;
    this.#choose(this.find(to.selected) ? to.selected : null);
    this.options.onChange?.(structuredClone(to.document));
    this.drawList();
    this.drawPanel();
    if (document.activeElement === document.body) {
      (to.selected && this.card(to.selected) ? this.card(to.selected) : this.frame.pane).focus();
    }
    return this.frame.announce(words);
  }

  where(id) {
    const { place } = this.find(id);
    const count = model.listAt(this.state.document, place).length;
    const column = place.parent === model.TOP ? "" : ` in column ${place.column + 1}`;
    return `${this.name(id)}, now ${place.index + 1} of ${count}${column}`;
  }

  mended(finding) {
    const [id, field] = placeOf(finding);
    const block = this.find(id)?.block;
    return block && !this.state.readOnly ? mendedValue(finding, block[field]) : null;
  }

  mend(finding) {
    const [id, field] = placeOf(finding);
    const value = this.mended(finding);
    if (value === null) return;
    this.patch(id, { [field]: value }, null, true);
    this.frame.announce("Replaced");
  }

  // --- selecting

  select(id) {
    this.#choose(id);
    this.drawList();
    this.drawPanel();
  }

  #choose(id) {
    if (this.state.selected === id) return;
    this.state.selected = id;
    this.state.isLogicOpen = false;
    this.options.onSelect?.(id);
  }

  /** Select from outside: bring the card into view, and the field when one is named. */
  show(id, field) {
    if (id && !this.find(id)) return;
    this.select(id);
    if (id) this.card(id)?.scrollIntoView({ block: "nearest" });
    if (id && field) this.enterProperties(field.split("/")[0]);
  }

  /** Put the focus on a field of the panel, by default on the first. */
  enterProperties(field = "") {
    const { panel } = this.frame;
    const name = field === "repeat" ? "show_if" : field;
    const box = (name && panel.querySelector(`[data-field="${CSS.escape(name)}"]`)) || panel.querySelector("[data-field]");
    const folded = box?.closest("details") || box?.querySelector("details");
    if (folded) folded.open = true;
    const controls = "input:not([type=file], [hidden]), textarea, select";
    const first = [...(box?.querySelectorAll(controls) || [])].find((each) => !each.disabled && each.offsetParent);
    (first || panel).focus({ preventScroll: !field && !this.isNarrow() });
    (first || panel).scrollIntoView({ block: "nearest" });
  }

  /** Go back from the panel to the list. */
  leaveProperties() {
    const id = this.state.selected;
    this.select(null);
    if (id) this.card(id)?.focus();
  }

  isNarrow() {
    return this.frame.panel.getBoundingClientRect().top >= this.frame.pane.getBoundingClientRect().bottom;
  }

  openPalette(anchor, place) {
    this.#palette?.();
    const kinds = [...this.state.kinds.values()].filter(({ kind }) => this.accepts(kind, place.parent));
    this.#palette = openPalette({
      host: this.frame.element,
      anchor,
      kinds,
      title: place.parent === model.TOP ? "Add a block" : `Add to column ${place.column + 1}`,
      choose: (kind) => this.add(kind, place),
      onClose: () => {
        this.#palette = null;
        this.#drawIfStale();
      },
    });
  }

  // --- showing

  drawList() {
    // What is being dragged, or where a menu hangs, must not be taken from under the hand.
    this.#isStale = Boolean(this.#palette) || this.dragging.isBusy();
    if (this.#isStale) return;
    keepingFocus(this.frame.pane, () => this.frame.pane.replaceChildren(blockList(this)));
    this.#drawBar();
  }

  /** Show one block anew: typing must not cost more the longer the email is. */
  drawItem(id) {
    const { block, place } = this.find(id);
    const item = this.card(id)?.closest("[data-block]");
    if (!item || block.kind === "columns" || this.#palette || this.dragging.isBusy()) {
      this.drawList();
      return;
    }
    const count = model.listAt(this.state.document, place).length;
    item.replaceWith(cardItem(this, block, place, count));
    this.#drawBar();
  }

  #drawBar() {
    this.frame.show({ canUndo: this.#history.canUndo, canRedo: this.#history.canRedo });
  }

  #drawIfStale() {
    if (this.#isStale) this.drawList();
  }

  drawPanel() {
    const { panel } = this.frame;
    panel.setAttribute("aria-label", panelLabel(this));
    panel.classList.toggle("txb-panel-block", this.find(this.state.selected) !== null);
    keepingFocus(panel, () => panel.replaceChildren(panelOf(this)));
  }

  setVocabulary(vocabulary) {
    this.state.vocabulary = vocabulary || {};
    this.drawPanel();
  }

  /** Show other findings. The same again, as after most keys, cost nothing. */
  setFindings(findings) {
    const next = new Findings(findings);
    if (next.isSame(this.state.findings)) return;
    this.state.findings = next;
    this.drawList();
    showFindings(this, this.frame.panel);
  }

  destroy() {
    this.dragging.stop();
    this.#palette?.();
    this.frame.hideToast();
    this.root.replaceChildren();
  }
}
