/** A text of inline HTML: a textarea with buttons for the four things marketers need. */

import { button, el } from "./dom.js";

/** Replace what is selected and put the selection around `select` of the new text. */
function put(input, replacement, select = [replacement.length, replacement.length]) {
  const start = input.selectionStart;
  input.setRangeText(replacement, start, input.selectionEnd, "end");
  input.setSelectionRange(start + select[0], start + select[1]);
  input.focus();
  input.dispatchEvent(new Event("input", { bubbles: true }));
}

const selected = (input) => input.value.slice(input.selectionStart, input.selectionEnd);

/** Put a tag around the selection, or take it off where it is already there. */
function wrap(input, tag) {
  const [open, close] = [`<${tag}>`, `</${tag}>`];
  const { value, selectionStart: start, selectionEnd: end } = input;
  if (value.slice(0, start).endsWith(open) && value.slice(end).startsWith(close)) {
    input.setSelectionRange(start - open.length, end + close.length);
  }
  const text = selected(input);
  if (text.startsWith(open) && text.endsWith(close)) {
    const bare = text.slice(open.length, -close.length);
    put(input, bare, [0, bare.length]);
  } else put(input, `${open}${text}${close}`, [open.length, open.length + text.length]);
}

function bullets(input) {
  const lines = selected(input)
    .split(/(?:<br\s*\/?>)?\n/)
    .map((line) => line.trim())
    .filter(Boolean);
  const items = (lines.length ? lines : [""]).map((line) => `  <li>${line}</li>`).join("\n");
  const made = `<ul>\n${items}\n</ul>`;
  const caret = made.lastIndexOf("</li>");
  put(input, made, [caret, caret]);
}

/** Return the control; `tools.attributes` go on the textarea. */
export function richText(field, value, tools) {
  const input = el("textarea", {
    ...tools.attributes,
    rows: 6,
    props: { value: String(value ?? "") },
    on: { input: (event) => tools.change(event.target.value), keydown: onKey },
  });
  const linking = linkRow(input, tools);

  function onKey(event) {
    const combined = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    if (combined && key === "b") wrap(input, "strong");
    else if (combined && key === "i") wrap(input, "em");
    else if (combined && key === "k") linking.open();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  const tool = (label, symbol, on) =>
    button({ label, symbol, kind: "txb-tool", disabled: tools.readOnly, on, "data-key": `${tools.key}-${symbol}` });
  return el(
    "div",
    { class: "txb-rich" },
    el(
      "div",
      { class: "txb-toolbar", role: "group", "aria-label": `${field.label}: form` },
      tool("Bold (Ctrl+B)", "format_bold", () => wrap(input, "strong")),
      tool("Italic (Ctrl+I)", "format_italic", () => wrap(input, "em")),
      tool("Link (Ctrl+K)", "link", () => linking.open()),
      tool("List", "format_list_bulleted", () => bullets(input)),
      tools.personalize(input),
    ),
    linking.row,
    input,
  );
}

/** The row that asks where a link leads; it stands over the text while it is open. */
function linkRow(input, tools) {
  const address = el("input", {
    type: "text",
    form: "",
    "aria-label": "Where the link leads",
    placeholder: "https://…",
    autocomplete: "off",
    spellcheck: "false",
    on: { keydown: onKey },
  });
  const row = el(
    "div",
    { class: "txb-link-row", hidden: true },
    address,
    tools.personalize(address),
    button({ words: "Insert link", kind: "txb-primary", on: insert }),
    button({ label: "No link", symbol: "close", on: close }),
  );

  function open() {
    row.hidden = false;
    address.value = "";
    address.focus();
  }

  function close() {
    row.hidden = true;
    input.focus();
  }

  function insert() {
    const inLiquid = (token) => token.replaceAll('"', "'");
    const to = address.value.trim().replace(/\{[{%][^]*?[%}]\}/g, inLiquid).replaceAll('"', "%22");
    row.hidden = true;
    if (to === "") return input.focus();
    const text = selected(input) || "link";
    const opening = `<a href="${to}">`;
    return put(input, `${opening}${text}</a>`, [opening.length, opening.length + text.length]);
  }

  function onKey(event) {
    event.stopPropagation();
    if (event.key === "Enter") insert();
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
  }

  return { row, open };
}
