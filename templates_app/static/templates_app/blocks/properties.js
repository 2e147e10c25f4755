/** The panel beside the list: the fields of the selected block, or the email's settings. */

import { button, el, icon, uniqueId } from "./dom.js";
import { SETTINGS_ID, findingWords, meantBy } from "./findings.js";
import { GROUPED, control, typeOf } from "./inputs.js";
import { columnLayouts, keptAsItIs, records } from "./lists.js";
import { freeName, itemNameField, logicSection, outerScopes, pathSelect, withName } from "./logic.js";
import { scopesOf } from "./model.js";
import { nameOf } from "./summary.js";
import { collectionsOf, productFields, singular } from "./vocabulary.js";

const SMALL = 536; // pixels: the width within an email of 600
const LOOK = new Set(["align", "color", "number", "choice", "boolean"]);

/** Return the panel for what is selected. */
export function panelOf(editor) {
  const found = editor.find(editor.state.selected);
  return found ? blockPanel(editor, found.block) : settingsPanel(editor);
}

function head(editor, symbol, words, isBlock) {
  return el(
    "div",
    { class: "txb-panel-head" },
    icon(symbol),
    el("h3", { text: words }),
    isBlock ? button({ label: "Close: settings of the email", symbol: "close", on: () => editor.leaveProperties() }) : null,
  );
}

function blockPanel(editor, block) {
  const kind = editor.state.kinds.get(block.kind);
  const panel = el("div", { class: "txb-properties" }, head(editor, kind?.icon || "help", kind?.label || block.kind, true));
  if (editor.state.readOnly) panel.append(el("p", { class: "txb-note", text: "For reading only." }));
  panel.append(el("div", { class: "txb-findings", data: { findings: "" } }));
  if (!kind) {
    panel.append(el("p", { class: "txb-note", text: "This editor does not know this kind of block. It is kept exactly as it is." }));
  } else {
    const isLook = (field) => LOOK.has(field.type);
    panel.append(...kind.fields.filter((field) => !isLook(field)).map((field) => blockField(editor, block, kind, field)));
    const look = kind.fields.filter(isLook);
    if (look.length) {
      panel.append(el("div", { class: "txb-look" }, look.map((field) => blockField(editor, block, kind, field))));
    }
    panel.append(logicDetails(editor, block));
  }
  showFindings(editor, panel);
  return panel;
}

function logicDetails(editor, block) {
  const isOpen = Boolean(block.show_if || block.repeat || editor.state.isLogicOpen);
  return el(
    "details",
    {
      class: "txb-details",
      open: isOpen,
      on: {
        toggle: ({ target }) => {
          editor.state.isLogicOpen = target.open;
        },
      },
    },
    el("summary", {}, icon("rule"), el("span", { text: "Show if and repeat" })),
    fieldBox("show_if", logicSection(editor, block.id)),
  );
}

/** Wrap what has no label of its own so that its findings have a place. */
const fieldBox = (name, ...children) =>
  el("div", { class: "txb-field", data: { field: name } }, children, el("p", { class: "txb-finding", data: { says: name } }));

function personalizer(editor, scopesFor) {
  const { openPicker } = editor.options;
  return (input) => {
    if (!openPicker || editor.state.readOnly) return null;
    return button({
      label: "Personalize",
      words: "Personalize",
      symbol: "data_object",
      kind: "txb-pick",
      "aria-haspopup": "dialog",
      "data-key": input.dataset.key ? `${input.dataset.key}-pick` : null,
      on: () => {
        const scopes = scopesFor();
        if (scopes.length) openPicker(input, { ...scopes[0], scopes });
        else openPicker(input);
      },
    });
  };
}

/** Return the tools that a control of a block's field works with. */
function toolsOf(editor, id, name, key) {
  return {
    id: uniqueId(name),
    key,
    readOnly: editor.state.readOnly,
    images: editor.options,
    describedBy: `${key}-words`,
    personalize: personalizer(editor, () => scopesOf(editor.state.document, id)),
    change: (value) => editor.patch(id, { [name]: value }, `${id}/${name}`),
  };
}

function labelled(field, tools, made) {
  const words = el("p", { class: "txb-help", id: tools.describedBy, text: field.help });
  const says = el("p", { class: "txb-finding", data: { says: field.name } });
  const isGroup = GROUPED.has(typeOf(field));
  const label = isGroup
    ? el("legend", { text: field.label })
    : el("label", { for: tools.id, text: field.label });
  return el(
    isGroup ? "fieldset" : "div",
    { class: `txb-field txb-field-${typeOf(field)}`, data: { field: field.name }, "aria-describedby": isGroup ? tools.describedBy : null },
    label,
    made,
    words,
    says,
  );
}

function blockField(editor, block, kind, field) {
  const key = `field-${block.id}-${field.name}`;
  const tools = toolsOf(editor, block.id, field.name, key);
  const value = block[field.name] ?? field.default;
  if (field.type === "path") return labelled(field, tools, collection(editor, block, value, tools));
  if (field.name === "as" && kind.fields.some(({ type }) => type === "path")) {
    const now = () => editor.find(block.id).block;
    const scopes = outerScopes(editor, block);
    const change = (as) => editor.patch(block.id, { ...withName(now(), value, as), as }, `${block.id}/as`, true);
    return el("div", { data: { field: "as" } }, itemNameField({ value, scopes, readOnly: tools.readOnly, change }), el("p", { class: "txb-finding", data: { says: "as" } }));
  }
  if (field.type === "list") return labelled(field, tools, listControl(editor, block, field, value, tools));
  if (block.kind === "image" && field.name === "src") {
    return labelled(field, tools, control({ ...field, type: "image" }, value, withImages(editor, block, tools)));
  }
  return labelled(field, tools, control(field, value, tools));
}

/** Let an upload or a choice fill in what is known of the image, in one step of undo. */
function withImages(editor, block, tools) {
  return {
    ...tools,
    changeImage: ({ src, alt, width = 0 }) => {
      const now = editor.find(block.id)?.block;
      if (!now) return;
      const isSmall = width > 0 && width < SMALL && !now.width; // a logo, not to be blown up
      const changes = { src, ...(alt && !now.alt ? { alt } : {}), ...(isSmall ? { width } : {}) };
      editor.patch(block.id, changes, null, true);
      if (!alt && !now.alt) editor.enterProperties("alt"); // what it shows is best said now
    },
  };
}

/** The list a block runs over. Choosing it fills in what of its items is easily guessed. */
function collection(editor, block, value, tools) {
  const { vocabulary } = editor.state;
  const outer = outerScopes(editor, block);
  const groups = collectionsOf(vocabulary, outer);
  const select = pathSelect({
    groups,
    value,
    none: "Choose…",
    attributes: { id: tools.id, form: "", disabled: tools.readOnly, "aria-describedby": tools.describedBy, "data-key": tools.key },
    onChange: (path) => {
      if (path === "") return editor.patch(block.id, { path }, null, true);
      const now = editor.find(block.id).block;
      const as = freeName(singular(path), outer);
      const guesses = productFields(vocabulary, { itemName: as, collectionPath: path }, outer);
      const isFree = ([name]) => !now[name];
      const filled = Object.fromEntries(Object.entries(guesses).filter(isFree));
      return editor.patch(block.id, { ...withName(now, now.as || "item", as), ...filled, path, as }, null, true);
    },
  });
  const isBare = groups.length === 0;
  return el("div", {}, select, isBare ? el("p", { class: "txb-note", text: "The event type has no list yet: add one to its sample." }) : null);
}

function listControl(editor, block, field, value, tools) {
  if (block.kind === "columns" && field.name === "columns") {
    const change = (columns) => editor.patch(block.id, { columns });
    return columnLayouts(Array.isArray(value) ? value : [], { change: (columns) => change(columns), readOnly: tools.readOnly, key: tools.key });
  }
  if (!field.fields.length) return keptAsItIs();
  return records({
    field,
    value,
    fields: field.fields,
    readOnly: tools.readOnly,
    key: tools.key,
    change: tools.change,
    row: (each, record, at, change) => {
      const key = `${tools.key}-${at}-${each.name}`;
      const own = { ...tools, id: uniqueId(each.name), key, describedBy: null, change };
      return el(
        "div",
        { class: "txb-field" },
        el("label", { for: own.id, text: each.label }),
        control(each, record[each.name] ?? each.default, own),
      );
    },
  });
}

function settingsPanel(editor) {
  const { document, settings, readOnly } = editor.state;
  const panel = el(
    "div",
    { class: "txb-properties" },
    head(editor, "tune", "Email settings", false),
    el("p", { class: "txb-note", text: "For the whole email. Select a block to change that block." }),
    el("div", { class: "txb-findings", data: { findings: "" } }),
  );
  const fields = settings.map((field) => {
    const key = `setting-${field.name}`;
    const tools = {
      id: uniqueId(field.name),
      key,
      readOnly,
      images: {},
      describedBy: `${key}-words`,
      personalize: () => null,
      change: (value) => editor.patchSettings({ [field.name]: value }, key),
    };
    return labelled(field, tools, control(field, document.settings[field.name] ?? field.default, tools));
  });
  panel.append(el("div", { class: "txb-look" }, fields));
  showFindings(editor, panel);
  return panel;
}

/** Write the findings of what the panel shows where they belong, without rebuilding anything. */
export function showFindings(editor, panel) {
  const { findings } = editor.state;
  const block = editor.find(editor.state.selected)?.block;
  const id = block ? block.id : SETTINGS_ID;
  const general = panel.querySelector("[data-findings]");
  const places = new Set();
  for (const says of panel.querySelectorAll("[data-says]")) {
    const name = says.dataset.says;
    places.add(name);
    const here = findings.at(id, name);
    if (name === "show_if") here.push(...findings.at(id, "repeat"));
    places.add(name === "show_if" ? "repeat" : name);
    says.replaceChildren(...here.map((finding) => findingLine(editor, block, finding)));
    const isWrong = here.some(({ severity }) => severity === "error");
    const input = says.closest("[data-field]").querySelector("input:not([type=radio]), textarea, select");
    if (isWrong) input?.setAttribute("aria-invalid", "true");
    else input?.removeAttribute("aria-invalid");
  }
  const rest = findings.of(id).filter(({ field }) => !places.has(field));
  general.replaceChildren(...rest.map((finding) => findingLine(editor, block, finding)));
}

function findingLine(editor, block, finding) {
  const { severity } = finding;
  const mend = block && editor.mended(finding) !== null;
  return el(
    "span",
    { class: `txb-finding-line txb-finding-${severity}` },
    icon(severity === "error" ? "error" : "warning"),
    el("span", { text: findingWords(mend ? { message: finding.message } : finding) }),
    mend ? button({ words: `Use ${meantBy(finding)}`, kind: "txb-quiet-button", on: () => editor.mend(finding) }) : null,
  );
}

/** Return the words that name the panel aloud. */
export function panelLabel(editor) {
  const found = editor.find(editor.state.selected);
  if (!found) return "Email settings";
  return `Properties of ${nameOf(found.block, editor.state.kinds.get(found.block.kind))}`;
}
