/**
 * Moving a block with a mouse, a pen or a finger.
 *
 * A mouse takes hold anywhere on a card, a finger only on the handle: elsewhere it
 * scrolls. The list is not rebuilt while something is dragged.
 */

import { el } from "./dom.js";

const THRESHOLD = 6; // pixels before a press becomes a drag
const EDGE = 56; // pixels from the window's edge where it starts to scroll

/**
 * Watch `pane`. `mayStart()`, `accepts(id, parent)` and `drop(id, place)` come from the
 * editor; `nameOf(id)` names what hangs at the pointer; `ended()` is called when a drag
 * is over, dropped or not. Return {stop, isBusy}.
 */
export function watchDragging(pane, { mayStart, accepts, drop, nameOf, ended }) {
  let drag = null;

  function onDown(event) {
    if (event.button !== 0 || drag || !mayStart()) return;
    const handle = event.target.closest("[data-drag]");
    const card = handle || (event.pointerType === "mouse" ? event.target.closest("[data-card]") : null);
    const item = card?.closest("[data-block]");
    if (!item) return;
    if (handle) event.preventDefault();
    drag = { id: item.dataset.block, item, x: event.clientX, y: event.clientY, pointer: event.pointerId };
    window.addEventListener("pointermove", onMove);
    window.addEventListener("pointerup", onUp);
    window.addEventListener("pointercancel", stop);
    window.addEventListener("keydown", onKey, true);
  }

  function start() {
    drag.ghost = el("div", { class: "txb-ghost", text: nameOf(drag.id) });
    drag.line = el("div", { class: "txb-drop-line" });
    pane.append(drag.ghost, drag.line);
    pane.classList.add("txb-dragging");
    drag.item.classList.add("txb-dragged");
    drag.scrolling = requestAnimationFrame(scrollAtEdges);
  }

  function onMove(event) {
    if (event.pointerId !== drag.pointer) return;
    const hasMoved = Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > THRESHOLD;
    if (!drag.ghost && !hasMoved) return;
    if (!drag.ghost) start();
    event.preventDefault();
    drag.x = event.clientX;
    drag.y = event.clientY;
    aim();
  }

  function aim() {
    const around = pane.getBoundingClientRect();
    const left = Math.min(drag.x - around.left + 12, around.width - drag.ghost.offsetWidth - 4);
    drag.ghost.style.transform = `translate(${Math.max(0, left)}px, ${drag.y - around.top + 8}px)`;
    drag.target = targetAt(pane, drag, accepts);
    drag.line.hidden = !drag.target;
    for (const list of pane.querySelectorAll(".txb-over")) list.classList.remove("txb-over");
    if (!drag.target) return;
    const { list, top } = drag.target;
    list.classList.add("txb-over");
    const box = list.getBoundingClientRect();
    drag.line.style.width = `${box.width}px`;
    drag.line.style.transform = `translate(${box.left - around.left}px, ${top - around.top}px)`;
  }

  function scrollAtEdges() {
    if (!drag?.ghost) return;
    const step = drag.y < EDGE ? -12 : drag.y > innerHeight - EDGE ? 12 : 0;
    if (step) {
      window.scrollBy(0, step);
      aim();
    }
    drag.scrolling = requestAnimationFrame(scrollAtEdges);
  }

  function onUp(event) {
    if (event.pointerId !== drag.pointer) return;
    const { id, target, ghost } = drag;
    // The click that follows would select what was dropped upon.
    if (ghost) window.addEventListener("click", swallow, { capture: true, once: true });
    if (ghost) setTimeout(() => window.removeEventListener("click", swallow, true), 0);
    stop();
    if (target) drop(id, target.place);
  }

  function swallow(event) {
    event.preventDefault();
    event.stopPropagation();
  }

  function onKey(event) {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    stop();
  }

  function stop() {
    if (!drag) return;
    cancelAnimationFrame(drag.scrolling);
    drag.ghost?.remove();
    drag.line?.remove();
    drag.item.classList.remove("txb-dragged");
    pane.classList.remove("txb-dragging");
    for (const list of pane.querySelectorAll(".txb-over")) list.classList.remove("txb-over");
    window.removeEventListener("pointermove", onMove);
    window.removeEventListener("pointerup", onUp);
    window.removeEventListener("pointercancel", stop);
    window.removeEventListener("keydown", onKey, true);
    drag = null;
    ended();
  }

  pane.addEventListener("pointerdown", onDown);
  return {
    isBusy: () => drag !== null,
    stop: () => {
      stop();
      pane.removeEventListener("pointerdown", onDown);
    },
  };
}

/** Return {list, top, place} under the pointer: where a drop would put the block. */
function targetAt(pane, { id, item, x, y }, accepts) {
  const lists = [...pane.querySelectorAll("[data-list]")].filter(
    (list) => !item.contains(list) && accepts(id, list.dataset.list || null),
  );
  const within = lists.filter((list) => contains(areaOf(list), x, y));
  const list = within.at(-1); // the innermost comes last in the document
  if (!list) return null;
  const items = [...list.children].filter((each) => each.matches("[data-block]"));
  const next = items.find((each) => {
    const box = each.getBoundingClientRect();
    return y < box.top + box.height / 2;
  });
  const index = Number(next ? next.dataset.index : list.dataset.count);
  const edge = next || items.at(-1);
  const box = (edge || list).getBoundingClientRect();
  const top = next || !edge ? box.top : box.bottom;
  return { list, top, place: { parent: list.dataset.list || null, column: Number(list.dataset.column), index } };
}

/** The area that belongs to a list: its column's box, or for the outermost all around it. */
function areaOf(list) {
  const box = (list.closest(".txb-column") || list.closest(".txb-list-pane") || list).getBoundingClientRect();
  return list.dataset.list
    ? box
    : { left: box.left, right: box.right, top: box.top - 2000, bottom: box.bottom + 2000 };
}

const contains = (box, x, y) => x >= box.left && x <= box.right && y >= box.top && y <= box.bottom;
