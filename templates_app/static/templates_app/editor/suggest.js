/** Completion in plain inputs: a small list under the field while Liquid is typed. */

import { el } from "../blocks/dom.js";
import { candidates, contextAt, matching, openLoops } from "./liquid.js";
import { completion } from "./code.js";
import { InputField } from "./fields.js";

const MOST = 8;

/** Offer completion in every text field of the form that no code editor covers. */
export function mountSuggest(form, vocabulary) {
  const list = new Suggestions(vocabulary);
  form.append(list.element);
  form.addEventListener("input", (event) => {
    if (takesLiquid(event.target)) list.offer(event.target);
  });
  form.addEventListener("keydown", (event) => list.onKey(event), true);
  form.addEventListener("focusout", () => setTimeout(() => list.closeUnlessUsed(), 100));
  form.addEventListener("click", (event) => {
    if (event.target !== list.field) list.close();
  });
}

function takesLiquid(element) {
  if (!element.matches?.("input, textarea") || element.matches(".txe-behind, [readonly], :disabled")) return false;
  if (element.tagName === "INPUT" && !["text", "url", "search"].includes(element.type)) return false;
  return "text" in element.dataset || element.closest("[data-blocks-root]") !== null;
}

class Suggestions {
  field = null;
  #items = [];
  #at = 0;

  constructor(vocabulary) {
    this.vocabulary = vocabulary;
    this.element = el("ul", { class: "txe-suggest", role: "listbox", id: "txe-suggest", "aria-label": "Personalization", hidden: true });
  }

  offer(field) {
    const before = field.value.slice(0, field.selectionEnd ?? 0);
    const context = contextAt(before);
    if (!context) {
      this.close();
      return;
    }
    const all = candidates(this.vocabulary.data, context, openLoops(before));
    this.#items = matching(all, context.prefix, MOST);
    if (this.#items.length === 0 || this.#items[0].caption === context.prefix) {
      this.close();
      return;
    }
    this.field = field;
    this.#at = 0;
    this.#draw();
  }

  close() {
    this.field?.removeAttribute("aria-activedescendant");
    this.field = null;
    this.element.hidden = true;
  }

  closeUnlessUsed() {
    if (document.activeElement !== this.field) this.close();
  }

  onKey(event) {
    if (!this.field || event.target !== this.field) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const step = event.key === "ArrowDown" ? 1 : -1;
      this.#at = (this.#at + step + this.#items.length) % this.#items.length;
      this.#draw();
    } else if (event.key === "Enter" || (event.key === "Tab" && !event.shiftKey)) {
      this.#take(this.#items[this.#at]);
    } else if (event.key === "Escape") {
      this.close();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  #take(item) {
    const field = new InputField(this.field);
    const [start, end, text, caret] = completion(field.text, field.cursor, item);
    this.close();
    const line = field.isLine ? text.replaceAll("\n", "") : text;
    field.splice(start, end, line);
    const place = start + Math.min(caret, line.length);
    field.element.setSelectionRange(place, place);
    this.close();
  }

  #draw() {
    this.element.replaceChildren(
      ...this.#items.map((item, at) =>
        el(
          "li",
          {
            role: "option",
            id: `txe-suggest-${at}`,
            "aria-selected": String(at === this.#at),
            on: {
              mousedown: (event) => {
                event.preventDefault();
                this.#take(item);
              },
            },
          },
          el("span", { text: item.caption }),
          el("small", { text: item.meta || "" }),
        ),
      ),
    );
    const { left, bottom, width } = this.field.getBoundingClientRect();
    const room = Math.min(Math.max(width, 280), window.innerWidth - 16);
    Object.assign(this.element.style, {
      left: `${Math.max(8, Math.min(left, window.innerWidth - room - 8))}px`,
      top: `${bottom + 4}px`,
      width: `${room}px`,
    });
    this.element.hidden = false;
    this.field.setAttribute("aria-activedescendant", `txe-suggest-${this.#at}`);
    this.element.children[this.#at].scrollIntoView({ block: "nearest" });
  }
}
