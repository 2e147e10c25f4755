/** Small tools for building elements. Data is only ever set as text or as a property. */

let number = 0;

/** Return an id that no other element of this page has. */
export function uniqueId(stem) {
  number += 1;
  return `txb-${stem}-${number}`;
}

/**
 * Make an element.
 *
 * `attributes`: `class`, `text`, `on` ({event: listener}), `data` ({name: value}) and
 * `props` (set as properties) are special; true/false set or leave out an attribute;
 * null and undefined are left out.
 */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") made.textContent = value;
    else if (name === "class") made.className = value;
    else if (name === "on") {
      for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    } else if (name === "data") Object.assign(made.dataset, value);
    else if (name === "props") Object.assign(made, value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

/** Make a decorative icon of the admin's symbol font. */
export function icon(name, extra = "") {
  return el("span", {
    class: `material-symbols-outlined txb-icon ${extra}`.trim(),
    text: name,
    "aria-hidden": "true",
  });
}

/** Make a button; without `words` it shows only its icon and is named by `label`. */
export function button({ label, symbol = "", words = "", kind = "", on, disabled = false, ...rest }) {
  return el(
    "button",
    {
      type: "button",
      class: `txb-button ${words ? "" : "txb-icon-button"} ${kind}`.trim(),
      "aria-label": label && label !== words ? label : null,
      title: words ? null : label,
      props: { disabled },
      on: { click: on },
      ...rest,
    },
    symbol ? icon(symbol) : null,
    words ? el("span", { text: words }) : null,
  );
}

/** Run `change` and put the focus back on the element with the same `data-key`. */
export function keepingFocus(root, change) {
  const before = document.activeElement;
  const key = root.contains(before) ? before.dataset.key : undefined;
  const caret = key && typeof before.selectionEnd === "number" ? before.selectionEnd : null;
  change();
  if (!key || document.activeElement === before) return;
  const after = root.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (!after) return;
  after.focus({ preventScroll: true });
  if (caret !== null && after.setSelectionRange && typeof after.selectionEnd === "number") {
    const place = Math.min(caret, after.value.length);
    after.setSelectionRange(place, place);
  }
}
