/** When a block is shown, and for what it is repeated: chosen, never typed. */

import { el, keepingFocus, uniqueId } from "./dom.js";
import { control } from "./inputs.js";
import { renamed, scopesOf } from "./model.js";
import { conditionWords, operatorWords } from "./summary.js";
import { choicesOf, collectionsOf, nodeAt, singular } from "./vocabulary.js";

const NAME = /^[a-z][a-z0-9_]*$/;
const MOST = 200; // items that a repetition goes through
const TAKEN = [
  ..."ctx recipient profile message event now today forloop".split(" "),
  ..."and or not in for if else case empty blank nil null true false contains new".split(" "),
];
const WITHOUT_VALUE = new Set(["exists", "missing", "is_true", "is_false"]);
const OPERATORS = {
  boolean: ["is_true", "is_false", "exists", "missing"],
  number: ["equals", "not_equals", "greater", "less", "exists", "missing"],
  string: ["exists", "missing", "equals", "not_equals", "contains"],
  array: ["exists", "missing", "contains"],
  object: ["exists", "missing"],
};

/**
 * Return a select of paths, indented as the tree is.
 *
 * A path that the vocabulary does not have stays chosen, and is said to be unknown.
 */
export function pathSelect({ groups, value, attributes, none, onChange }) {
  const isKnown = groups.some(({ options }) => options.some(({ path }) => path === value));
  const option = ({ path, label, depth, sample }) => {
    const shown = sample !== undefined && sample !== null && typeof sample !== "object" ? ` · ${sample}` : "";
    const words = `${"\u2003".repeat(depth)}${label}${String(shown).slice(0, 32)}`;
    return el("option", { text: words, props: { value: path }, selected: path === value });
  };
  return el(
    "select",
    { ...attributes, on: { change: ({ target }) => onChange(target.value) } },
    el("option", { text: none, props: { value: "" }, selected: !value }),
    value && !isKnown ? el("option", { text: `${value} (not in the event)`, props: { value }, selected: true }) : null,
    groups.map(({ label, options }) => el("optgroup", { label }, options.map(option))),
  );
}

const labelled = (words, make) => {
  const id = uniqueId("logic");
  return el("div", { class: "txb-field" }, el("label", { for: id, text: words }), make(id));
};

/** Return the scopes around a block, without those that it opens itself. */
export function outerScopes(editor, block) {
  const { place } = editor.find(block.id);
  return place.parent === null ? [] : scopesOf(editor.state.document, place.parent);
}

/** Return the scopes of a block's condition: it may ask about the item it is repeated for. */
function ruleScopes(editor, block) {
  const outer = outerScopes(editor, block);
  const { path, as } = block.repeat || {};
  return path ? [{ itemName: as || "item", collectionPath: path }, ...outer] : outer;
}

/** Return the part of the panel for a block's `show_if` and `repeat`. */
export function logicSection(editor, id) {
  const box = el("div", { class: "txb-logic" });
  const draw = () => {
    const { block } = editor.find(id);
    const parts = [condition(editor, block, change)];
    if (block.kind !== "products" || block.repeat) parts.push(repetition(editor, block, change));
    keepingFocus(box, () => box.replaceChildren(...parts));
  };
  const change = (changes, key, isDrawn = true) => {
    editor.patch(id, changes, key);
    if (isDrawn) draw();
  };
  draw();
  return box;
}

function condition(editor, block, change) {
  const { readOnly, vocabulary } = editor.state;
  const scopes = ruleScopes(editor, block);
  const groups = choicesOf(vocabulary, scopes);
  const rule = block.show_if || null;
  const attributes = (id, key) => ({ id, form: "", disabled: readOnly, "data-key": `show-${key}` });
  const set = (changes, isDrawn) =>
    change({ show_if: { ...editor.find(block.id).block.show_if, ...changes } }, "show_if", isDrawn);
  const kind = rule ? nodeAt(vocabulary, rule.path, scopes)?.kind || "string" : "string";
  const operators = [...(OPERATORS[kind] || OPERATORS.string)];
  if (rule?.op && !operators.includes(rule.op)) operators.push(rule.op);
  const choosePath = (path) => {
    if (path === "") return change({ show_if: null });
    const next = OPERATORS[nodeAt(vocabulary, path, scopes)?.kind] || OPERATORS.string;
    const op = next.includes(rule?.op) ? rule.op : next[0];
    return change({ show_if: { ...rule, path, op, value: rule?.value ?? "" } });
  };
  return el(
    "fieldset",
    { class: "txb-rule" },
    el("legend", { text: "Show if" }),
    labelled("Show this block", (id) =>
      pathSelect({ groups, value: rule?.path || "", none: "Always", attributes: attributes(id, "path"), onChange: choosePath }),
    ),
    rule
      ? el(
          "div",
          { class: "txb-pair" },
          labelled("Condition", (id) =>
            el(
              "select",
              { ...attributes(id, "op"), on: { change: ({ target }) => set({ op: target.value }) } },
              operators.map((op) => el("option", { text: operatorWords(op), props: { value: op }, selected: op === rule.op })),
            ),
          ),
          WITHOUT_VALUE.has(rule.op) ? null : valueField(rule, kind, attributes, set),
        )
      : null,
    rule ? el("p", { class: "txb-note", text: `Shown only if ${conditionWords(rule)}.` }) : null,
    noVocabulary(groups),
  );
}

function valueField(rule, kind, attributes, set) {
  return labelled("Value", (id) =>
    el("input", {
      ...attributes(id, "value"),
      type: kind === "number" ? "number" : "text",
      step: kind === "number" ? "any" : null,
      autocomplete: "off",
      props: { value: rule.value ?? "" },
      on: {
        input: ({ target }) => {
          set({ value: target.value }, false);
          const said = target.closest(".txb-rule").querySelector(":scope > .txb-note");
          said.textContent = `Shown only if ${conditionWords({ ...rule, value: target.value })}.`;
        },
      },
    }),
  );
}

const noVocabulary = (groups) =>
  groups.length ? null : el("p", { class: "txb-note", text: "Choose an event type to choose from what its events hold." });

function repetition(editor, block, change) {
  const { readOnly, vocabulary } = editor.state;
  const scopes = outerScopes(editor, block);
  const groups = collectionsOf(vocabulary, scopes);
  const loop = block.repeat || null;
  // What is typed elsewhere in the panel does not draw this anew: look at the block as it is now.
  const now = () => editor.find(block.id).block;
  const set = (changes) => change({ repeat: { ...now().repeat, ...changes } }, "repeat", false);
  const repeatAs = (as, changes, key = null) => {
    const { repeat } = now();
    const texts = withName(now(), repeat?.as, as);
    editor.patch(block.id, { ...texts, repeat: { first: 1, max: 20, ...repeat, ...changes, as } }, key, true);
  };
  const choose = (path) =>
    path === "" ? change({ repeat: null }) : repeatAs(freeName(singular(path), scopes), { path });
  const count = (name, words, fallback) =>
    labelled(words, (id) =>
      control({ type: "number", min: 1, max: MOST }, loop[name] ?? fallback, {
        id,
        key: `repeat-${name}`,
        readOnly,
        change: (value) => set({ [name]: value ?? fallback }),
      }),
    );
  return el(
    "fieldset",
    { class: "txb-rule" },
    el("legend", { text: "Repeat for each" }),
    labelled("Repeat this block", (id) =>
      pathSelect({
        groups,
        value: loop?.path || "",
        none: "No, show it once",
        attributes: { id, form: "", disabled: readOnly, "data-key": "repeat-path" },
        onChange: choose,
      }),
    ),
    loop
      ? el(
          "div",
          { class: "txb-pair" },
          itemNameField({ value: loop.as || "item", scopes, readOnly, change: (as) => repeatAs(as, {}, `${block.id}/as`) }),
          count("first", "Start with item", 1),
          count("max", "At most", 20),
        )
      : null,
    groups.length || !choicesOf(vocabulary).length
      ? null
      : el("p", { class: "txb-note", text: "The events of this type hold no list to repeat for." }),
  );
}

/**
 * Return the field in which an item gets its name. Only a good one is handed on, at once:
 * a panel drawn anew when the field is left would take away what was clicked then.
 */
export function itemNameField({ value, scopes, readOnly, change }) {
  const names = [...TAKEN, ...scopes.map(({ itemName }) => itemName)];
  const isGood = (name) => NAME.test(name) && !names.includes(name);
  return labelled("Name of one item", (id) =>
    el("input", {
      id,
      form: "",
      type: "text",
      disabled: readOnly,
      autocomplete: "off",
      spellcheck: "false",
      maxlength: "40",
      "data-key": "item-name",
      props: { value },
      on: {
        input: ({ target }) => {
          target.setCustomValidity(isGood(target.value) ? "" : "Small letters, digits and _; no word with a meaning of its own");
          if (isGood(target.value) && target.value !== value) change(target.value);
        },
        change: ({ target }) => target.reportValidity(),
      },
    }),
  );
}

/** Return the changes to a block's fields that give an item another name in its texts. */
export function withName(block, from, to) {
  if (!from || from === to || !NAME.test(from)) return {};
  const { id, kind, show_if: rule, repeat: _loop, ...fields } = block;
  const texts = renamed(fields, from, to);
  const isAbout = rule?.path === from || rule?.path?.startsWith(`${from}.`);
  return isAbout ? { ...texts, show_if: { ...rule, path: to + rule.path.slice(from.length) } } : texts;
}

/** Return the name, or the nearest to it that no scope around has. */
export function freeName(name, scopes) {
  const taken = new Set([...TAKEN, ...scopes.map(({ itemName }) => itemName)]);
  let free = name;
  for (let at = 2; taken.has(free); at += 1) free = `${name}_${at}`;
  return free;
}
