/** The list of blocks: a card for each, lists side by side for columns. */

import { button, el, icon } from "./dom.js";
import { TOP } from "./model.js";
import { conditionWords, nameOf, repeatWords, summaryElement } from "./summary.js";

/** Return the whole list of an editor's document as an element. */
export function blockList(editor) {
  const { document } = editor.state;
  if (!document.blocks.some(isBlock)) return emptyState(editor);
  return listOf(editor, document.blocks, { parent: TOP, column: 0 });
}

const isBlock = (block) => block !== null && typeof block === "object" && !Array.isArray(block);

function listOf(editor, blocks, { parent, column }) {
  const { readOnly } = editor.state;
  const place = (index) => ({ parent, column, index });
  const items = blocks.flatMap((block, index) =>
    isBlock(block) ? [cardItem(editor, block, place(index), blocks.length)] : [],
  );
  const list = el(
    "ol",
    { class: "txb-list", data: { list: parent ?? "", column: String(column), count: String(blocks.length) } },
    items,
  );
  if (readOnly) return list;
  const isBare = items.length === 0;
  const last = button({
    label: parent === TOP ? "Add block at the end" : `Add to column ${column + 1}`,
    symbol: "add",
    words: parent === TOP ? "Add block" : isBare ? "Add" : "",
    kind: "txb-add-last",
    "aria-haspopup": "menu",
    "aria-expanded": "false",
    "data-key": `add-last-${parent}-${column}`,
    on: (event) => editor.openPalette(event.currentTarget, place(blocks.length)),
  });
  return el("div", { class: "txb-list-box" }, list, last);
}

function addBetween(editor, place, words) {
  return button({
    label: words,
    symbol: "add",
    kind: "txb-add-between",
    "aria-haspopup": "menu",
    "aria-expanded": "false",
    "data-key": `add-${place.parent}-${place.column}-${place.index}`,
    on: (event) => editor.openPalette(event.currentTarget, place),
  });
}

/** Return the item of one block: its card and, for columns, the lists in it. */
export function cardItem(editor, block, place, count) {
  const { state } = editor;
  const kind = state.kinds.get(block.kind);
  const isSelected = state.selected === block.id;
  const name = nameOf(block, kind);
  const item = el("li", {
    class: `txb-item ${isSelected ? "txb-selected" : ""}`.trim(),
    data: { block: block.id, index: String(place.index), kind: block.kind },
  });
  const before = place.index === 0 ? "at the top" : `before ${name}`;
  if (!state.readOnly) item.append(addBetween(editor, place, `Add a block ${before}`));
  const card = el("div", { class: "txb-card" }, cardButton(editor, block, kind, { name, place, count }));
  if (!state.readOnly) card.append(actions(editor, block, name));
  item.append(card);
  if (block.kind === "columns" && Array.isArray(block.columns)) item.append(columns(editor, block));
  return item;
}

function cardButton(editor, block, kind, { name, place, count }) {
  const badge = editor.state.findings.badge(block.id);
  const where = `${place.index + 1} of ${count}`;
  const marks = marksOf(block);
  const spoken = [name, where, ...marks.map(({ spoken: words }) => words), badge?.words];
  return el(
    "button",
    {
      type: "button",
      class: "txb-card-button",
      "aria-label": spoken.filter(Boolean).join(", "),
      "aria-current": editor.state.selected === block.id ? "true" : null,
      data: { key: `card-${block.id}`, card: block.id },
      on: { click: () => editor.select(block.id) },
    },
    el("span", { class: "txb-kind-icon" }, icon(kind?.icon || "help")),
    el(
      "span",
      { class: "txb-card-words" },
      el("small", { class: "txb-kind" }, kind?.label || block.kind, badge ? badgeElement(badge) : null),
      summaryElement(block, kind),
      marks.length ? el("span", { class: "txb-marks" }, marks.map(mark)) : null,
    ),
  );
}

/** Return a small mark that counts findings. */
export const badgeElement = ({ severity, words, count }) =>
  el(
    "span",
    { class: `txb-badge txb-badge-${severity}`, title: words },
    icon(severity === "error" ? "error" : "warning"),
    String(count),
  );

function marksOf(block) {
  const marks = [];
  if (block.show_if?.path) {
    const words = `if ${conditionWords(block.show_if)}`;
    marks.push({ symbol: "rule", words, spoken: `shown ${words}` });
  }
  if (block.repeat?.path) {
    const words = repeatWords(block.repeat);
    marks.push({ symbol: "repeat", words, spoken: `repeated for ${words}` });
  }
  return marks;
}

const mark = ({ symbol, words }) =>
  el("span", { class: "txb-mark" }, icon(symbol), el("span", { text: words }));

function actions(editor, block, name) {
  const action = (label, symbol, on, disabled = false, kind = "") =>
    button({
      label: `${label}: ${name}`,
      symbol,
      kind,
      disabled,
      title: label,
      "data-key": `${label}-${block.id}`,
      on,
    });
  return el(
    "span",
    { class: "txb-card-actions" },
    action("Move up", "arrow_upward", () => editor.step(block.id, -1), !editor.canStep(block.id, -1)),
    action("Move down", "arrow_downward", () => editor.step(block.id, 1), !editor.canStep(block.id, 1)),
    action("Duplicate", "content_copy", () => editor.duplicate(block.id)),
    action("Delete", "delete", () => editor.remove(block.id), false, "txb-delete"),
    el("span", { class: "txb-handle", "aria-hidden": "true", title: "Drag to move", data: { drag: block.id } }, icon("drag_indicator")),
  );
}

function columns(editor, block) {
  return el(
    "div",
    { class: "txb-columns" },
    block.columns.map((column, at) =>
      el(
        "div",
        { class: "txb-column", role: "group", "aria-label": `Column ${at + 1} of ${block.columns.length}` },
        listOf(editor, Array.isArray(column?.blocks) ? column.blocks : [], { parent: block.id, column: at }),
      ),
    ),
  );
}

function emptyState(editor) {
  const { readOnly, kinds } = editor.state;
  const top = { parent: TOP, column: 0, index: 0 };
  const starters = ["heading", "text", "image", "button"].filter((kind) => kinds.has(kind));
  return el(
    "div",
    { class: "txb-empty", data: { list: "", column: "0", count: "0" } },
    icon("dashboard_customize"),
    el("h3", { text: readOnly ? "Nothing in this email yet" : "Start with a heading" }),
    readOnly
      ? null
      : el("p", { text: "An email is a list of blocks. Add one, write in it on the side, and drag it to where it belongs." }),
    readOnly
      ? null
      : el(
          "div",
          { class: "txb-starters" },
          starters.map((kind) =>
            button({
              words: kinds.get(kind).label,
              symbol: kinds.get(kind).icon,
              on: () => editor.add(kind, top),
            }),
          ),
          button({
            words: "More…",
            "aria-haspopup": "menu",
            "aria-expanded": "false",
            label: "More kinds of block",
            on: (event) => editor.openPalette(event.currentTarget, top),
          }),
        ),
    readOnly
      ? null
      : button({ words: "Start from an example", symbol: "auto_awesome", kind: "txb-primary", on: () => editor.startFromExample() }),
  );
}
