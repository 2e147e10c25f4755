/** Fields that hold a list: the columns of a block, and lists of small records. */

import { button, el, icon, uniqueId } from "./dom.js";

const LAYOUTS = [
  [50, 50],
  [33, 67],
  [67, 33],
  [34, 33, 33],
  [25, 50, 25],
  [25, 25, 25, 25],
];

/** Return `count` empty columns of equal width. */
export const emptyColumns = (widths = LAYOUTS[0]) => widths.map((width) => ({ width, blocks: [] }));

/** Return the columns with the widths given; what stood in a column too many moves left. */
function relaid(columns, widths) {
  const kept = widths.map((width, at) => ({ blocks: [], ...columns[at], width }));
  const last = kept.at(-1);
  for (const extra of columns.slice(widths.length)) last.blocks = [...last.blocks, ...(extra.blocks || [])];
  return kept;
}

function bar(width) {
  const made = el("span", { "aria-hidden": "true" });
  made.style.flexGrow = String(width);
  return made;
}

/** Return the choice among the layouts of a columns block. */
export function columnLayouts(columns, { change, readOnly, key }) {
  const name = uniqueId("layout");
  const now = columns.map(({ width }) => Math.round(width)).join("/");
  return el(
    "div",
    { class: "txb-layouts" },
    LAYOUTS.map((widths) => {
      const words = widths.join("/");
      return el(
        "label",
        { class: "txb-layout", title: words },
        el("input", {
          type: "radio",
          form: "",
          name,
          disabled: readOnly,
          "aria-label": `${widths.length} columns, ${words}`,
          "data-key": `${key}-${words}`,
          props: { checked: words === now },
          on: { change: () => change(relaid(columns, widths)) },
        }),
        widths.map((width) => bar(width)),
      );
    }),
  );
}

/**
 * Return the records of a list, each with its fields and buttons to move and remove it.
 *
 * `row(field, record, at, change)` makes the labelled control of one field of a record.
 */
export function records({ field, value, fields, readOnly, key, change, row }) {
  const box = el("div", { class: "txb-records" });
  let list = Array.isArray(value) ? value : [];
  const give = (next) => {
    list = next;
    change(list);
    draw();
  };
  const swap = (at, to) => {
    const next = [...list];
    [next[at], next[to]] = [next[to], next[at]];
    give(next);
    box.querySelector(`[data-key="${key}-${to}-${to > at ? "down" : "up"}"]`)?.focus();
  };
  const tool = (at, label, symbol, on, disabled, short) =>
    button({ label: `${label} ${at + 1}`, symbol, on, disabled, "data-key": `${key}-${at}-${short}` });

  function recordOf(record, at) {
    const set = (name, entered) => {
      list = list.map((each, index) => (index === at ? { ...each, [name]: entered ?? "" } : each));
      change(list);
    };
    return el(
      "div",
      { class: "txb-record", role: "group", "aria-label": `${field.label} ${at + 1}` },
      el("div", { class: "txb-record-fields" }, fields.map((each) => row(each, record, at, (entered) => set(each.name, entered)))),
      readOnly
        ? null
        : el(
            "div",
            { class: "txb-record-tools" },
            tool(at, "Move up", "arrow_upward", () => swap(at, at - 1), at === 0, "up"),
            tool(at, "Move down", "arrow_downward", () => swap(at, at + 1), at === list.length - 1, "down"),
            tool(at, "Remove", "close", () => give(list.filter((_, index) => index !== at)), false, "remove"),
          ),
    );
  }

  function draw() {
    const add = button({
      words: "Add",
      symbol: "add",
      label: `Add to ${field.label}`,
      "data-key": `${key}-add`,
      on: () => {
        give([...list, Object.fromEntries(fields.map((each) => [each.name, each.default ?? ""]))]);
        box.querySelector(".txb-record:nth-last-of-type(1) input")?.focus();
      },
    });
    box.replaceChildren(
      ...list.map((record, at) => recordOf(record !== null && typeof record === "object" ? record : {}, at)),
      readOnly ? "" : add,
    );
  }

  draw();
  return box;
}

/** Return the note for a field of a type this editor has no control for. */
export const keptAsItIs = () =>
  el("p", { class: "txb-note" }, icon("info"), " Kept as it is: this editor has no control for it.");
