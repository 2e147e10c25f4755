/** A block in one line: what its card shows and what is said aloud about it. */

import { el } from "./dom.js";

const TOKEN = /\{\{-?([^]*?)-?\}\}|\{%[^]*?%\}/g;
const LONGEST = 120;

/** Return the words of a piece of inline HTML. */
function words(html) {
  const spaced = String(html ?? "").replaceAll(/<(br|\/p|\/li)\b[^>]*>/gi, " ");
  // A parsed document is inert: nothing in it is loaded or run.
  const parsed = new DOMParser().parseFromString(spaced, "text/html");
  return parsed.body.textContent.replaceAll(/\s+/g, " ").trim();
}

/** Return what a `{{ … }}` stands for, in few words: order.number. */
const meaning = (inside) => inside.split("|")[0].trim().replace(/^(rtEvent\.)?ctx\./, "");

/** Return elements in which each `{{ … }}` is a chip. */
function withChips(text) {
  const parts = [];
  let from = 0;
  for (const match of text.matchAll(TOKEN)) {
    parts.push(text.slice(from, match.index));
    if (match[1] !== undefined) parts.push(el("span", { class: "txb-chip", text: meaning(match[1]) }));
    from = match.index + match[0].length;
  }
  parts.push(text.slice(from));
  return parts.filter((part) => part !== "");
}

/** Return a text's words as they are said aloud, without Liquid's signs. */
const spoken = (text) => text.replaceAll(TOKEN, (_, inside) => (inside ? meaning(inside) : "")).trim();

const list = (value) => (Array.isArray(value) ? value : []);

const LINES = {
  heading: (value) => [words(value("text")), "No words yet"],
  text: (value) => [words(value("text")), "No words yet"],
  button: (value) => [words(value("text")), "No words yet"],
  image: (value) => [value("alt") || fileName(value("src")), "No image yet"],
  footer: (value) => [words(value("text")), "No words yet"],
  divider: (value) => [`${value("thickness")} px line`, ""],
  spacer: (value) => [`${value("height")} px`, ""],
  products: (value) => [value("path") && `One for each of ${value("path").replace(/^ctx\./, "")}`, "No list chosen yet"],
  columns: (value) => [`${list(value("columns")).length} columns`, ""],
  social: (value) => [list(value("links")).map((link) => link?.network).filter(Boolean).join(" · "), "No links yet"],
  raw: (value) => [String(value("source") ?? "").replaceAll(/\s+/g, " ").trim(), "Nothing yet"],
};

function fileName(address) {
  const text = String(address ?? "");
  return text.includes("{") ? text : text.split(/[?#]/)[0].split("/").pop();
}

/** Return {text, isEmpty}: the words of a block's summary. */
function summaryOf(block, kind) {
  const value = (name) => block[name] ?? kind?.fields.find((field) => field.name === name)?.default ?? "";
  if (!kind) return { text: `Unknown kind “${block.kind}”, kept as it is`, isEmpty: false };
  const line = LINES[block.kind] || ((get) => [words(get(kind.fields[0]?.name)), ""]);
  const [text, whenEmpty] = line(value);
  const shown = String(text ?? "");
  return { text: shown.slice(0, LONGEST) || whenEmpty, isEmpty: shown === "" && whenEmpty !== "" };
}

/** Return the element that shows a block's summary. */
export function summaryElement(block, kind) {
  const { text, isEmpty } = summaryOf(block, kind);
  const shape = kind ? `txb-line-${block.kind}` : "";
  return el("span", { class: `txb-line ${shape} ${isEmpty ? "txb-line-empty" : ""}`.trim() }, withChips(text));
}

/** Return what a block is called aloud: "Heading: Thank you". */
export function nameOf(block, kind) {
  const { text } = summaryOf(block, kind);
  return `${kind?.label || block.kind}${text ? `: ${spoken(text)}` : ""}`;
}

const OPS = {
  exists: "is there and not empty",
  missing: "is missing or empty",
  is_true: "is true",
  is_false: "is false or missing",
  equals: "is",
  not_equals: "is not",
  contains: "contains",
  greater: "is greater than",
  less: "is less than",
};

/** Return the words of an operator of a condition. */
export const operatorWords = (op) => OPS[op] || op;

const short = (path) => String(path || "?").replace(/^ctx\./, "");

/** Return a condition in words: "order.total is more than 100". */
export function conditionWords({ path, op, value }) {
  const takes = ["equals", "not_equals", "contains", "greater", "less"].includes(op);
  return `${short(path)} ${operatorWords(op)}${takes ? ` ${value || "…"}` : ""}`;
}

/** Return a repetition in words: "each item of items". */
export const repeatWords = ({ path, as }) => `each ${as || "item"} of ${short(path)}`;
