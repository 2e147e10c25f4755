/** The menu of kinds from which a block is added. */

import { el, icon, uniqueId } from "./dom.js";

/**
 * Open the menu below `anchor`; `choose(kind)` is called with the kind that was picked.
 *
 * `host` is the positioned element the menu is put into. Escape and a click elsewhere
 * close it; arrows, Home, End and first letters move. Return a function that closes it.
 */
export function openPalette({ host, anchor, kinds, choose, title, onClose }) {
  const heading = uniqueId("palette");
  const items = [...kinds].map((kind) => itemOf(kind));
  const menu = el(
    "div",
    { class: "txb-palette" },
    el("p", { class: "txb-palette-title", id: heading, text: title }),
    el("div", { class: "txb-palette-items", role: "menu", "aria-labelledby": heading }, items),
  );

  function itemOf(kind) {
    return el(
      "button",
      {
        type: "button",
        role: "menuitem",
        tabindex: "-1",
        class: "txb-palette-item",
        data: { kind: kind.kind },
        on: { click: () => finish(kind.kind) },
      },
      icon(kind.icon),
      el("span", {}, el("strong", { text: kind.label }), el("small", { text: kind.help })),
    );
  }

  function close(refocus = true) {
    if (!menu.isConnected) return;
    menu.remove();
    anchor.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", onElsewhere, true);
    if (refocus) anchor.focus();
    onClose?.();
  }

  function finish(kind) {
    close(false);
    choose(kind);
  }

  function onElsewhere(event) {
    if (!menu.contains(event.target) && !anchor.contains(event.target)) close(false);
  }

  function onKey(event) {
    const at = items.indexOf(document.activeElement);
    const across = Math.max(1, Math.round(menu.clientWidth / (items[0]?.offsetWidth || 1)));
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across }[event.key];
    let next = -1;
    if (step) next = Math.min(items.length - 1, Math.max(0, at + step));
    else if (event.key === "Home") next = 0;
    else if (event.key === "End") next = items.length - 1;
    else if (event.key === "Escape" || event.key === "Tab") close();
    else if (event.key.length === 1 && event.key !== " ") next = startingWith(event.key, at);
    else return;
    event.stopPropagation();
    if (event.key !== "Tab") event.preventDefault();
    items[next]?.focus();
  }

  function startingWith(letter, at) {
    const turned = [...items.keys()].map((offset) => (at + 1 + offset) % items.length);
    return turned.find((index) => kinds[index].label.toLowerCase().startsWith(letter.toLowerCase())) ?? at;
  }

  menu.addEventListener("keydown", onKey);
  document.addEventListener("pointerdown", onElsewhere, true);
  host.append(menu);
  anchor.setAttribute("aria-expanded", "true");
  place(menu, host, anchor);
  items[0]?.focus({ preventScroll: true });
  return close;
}

/** Put the menu below its button, or above where the window has more room. */
function place(menu, host, anchor) {
  const around = host.getBoundingClientRect();
  const at = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const left = Math.max(0, Math.min(at.left - around.left + at.width / 2 - width / 2, around.width - width));
  const isBelow = at.bottom + height + 8 < innerHeight || at.top < height;
  menu.style.left = `${left}px`;
  menu.style.top = `${isBelow ? at.bottom - around.top + 6 : at.top - around.top - height - 6}px`;
  menu.scrollIntoView({ block: "nearest" });
}
