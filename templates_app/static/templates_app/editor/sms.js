/** The counter of an SMS, and the characters that make it dear, each with a cheap one. */

import { el } from "../blocks/dom.js";
import { fieldOf } from "./fields.js";

const shown = (character) => (/\s|[\u00ad\u200b-\u200d\u2060\ufeff]/.test(character) ? `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}` : character);

/** Show what the last answer says of the rendered sample. */
export function showSms(root, { segments, guilty = [] }) {
  for (const output of document.querySelectorAll("[data-segments]")) output.textContent = segments || "";
  const list = root.querySelector("[data-guilty]");
  if (!list) return;
  list.hidden = guilty.length === 0;
  if (guilty.length === 0) return;
  const field = fieldOf("text");
  const own = guilty.filter(({ character }) => field.text.includes(character));
  const replaceable = own.filter(({ replacement }) => replacement !== null);
  list.replaceChildren(
    el("p", {}, el("strong", { text: "Long characters. " }), "One of them is enough: a segment then holds 70 characters instead of 160."),
    el(
      "ul",
      {},
      guilty.map((each) => el("li", {}, item(each, own, field))),
    ),
    replaceable.length > 1
      ? el("button", { type: "button", class: "tx-button", text: "Replace all", on: { click: () => replace(field, replaceable) } })
      : "",
  );
}

function item({ character, replacement }, own, field) {
  const is = el("code", { text: shown(character) });
  if (!own.some((each) => each.character === character)) return [is, " comes with the event's data"];
  if (replacement === null) return [is, " has no short one"];
  const words = replacement === "" ? "Take out" : "Replace by ";
  return [is, el("button", { type: "button", class: "txe-use", on: { click: () => replace(field, [{ character, replacement }]) } }, words, replacement ? el("code", { text: replacement === " " ? "a blank" : replacement }) : "")];
}

function replace(field, pairs) {
  let { text } = field;
  for (const { character, replacement } of pairs) text = text.replaceAll(character, replacement);
  field.splice(0, field.text.length, text);
}
