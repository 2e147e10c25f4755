/** The keyboard: moving, deleting, opening and undoing without a mouse. */

/** The keys in words, for the editor's help. */
export const KEYS = [
  ["↑ ↓", "Go from block to block"],
  ["Enter", "Open the properties; Esc goes back"],
  ["Alt + ↑ ↓", "Move the block"],
  ["Alt + ← →", "Move into columns and between them"],
  ["Delete", "Delete the block"],
  ["Ctrl + Z", "Undo; Ctrl + Shift + Z does it again"],
];

/** Listen to the keys of an editor. */
export function watchKeys(editor) {
  const { element, pane, panel } = editor.frame;
  element.addEventListener("keydown", (event) => {
    const key = event.key.toLowerCase();
    const combined = (event.ctrlKey || event.metaKey) && !event.altKey;
    if (!combined || !["z", "y"].includes(key)) return;
    event.preventDefault();
    if (key === "y" || event.shiftKey) editor.redo();
    else editor.undo();
  });
  pane.addEventListener("keydown", (event) => onListKey(editor, event));
  panel.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !editor.state.selected) return;
    event.preventDefault();
    editor.card(editor.state.selected)?.focus();
  });
}

function onListKey(editor, event) {
  const id = event.target.closest("[data-block]")?.dataset.block;
  if (!id || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const handled = event.altKey ? onAltKey(editor, event.key, id) : onCardKey(editor, event, id);
  if (handled) event.preventDefault();
}

function onAltKey(editor, key, id) {
  const vertical = { ArrowUp: -1, ArrowDown: 1 }[key];
  const sideways = { ArrowLeft: -1, ArrowRight: 1 }[key];
  if (!vertical && !sideways) return false;
  if (editor.state.readOnly) return true;
  if (vertical) editor.step(id, vertical);
  else editor.sidestep(id, sideways);
  editor.card(id)?.focus();
  return true;
}

function onCardKey(editor, { key, target }, id) {
  if (!target.matches("[data-card]")) return false;
  if (key === "ArrowUp" || key === "ArrowDown") {
    const cards = [...editor.frame.pane.querySelectorAll("[data-card]")];
    cards[cards.indexOf(target) + (key === "ArrowDown" ? 1 : -1)]?.focus();
  } else if (key === "Enter") {
    editor.select(id);
    editor.enterProperties();
  } else if ((key === "Delete" || key === "Backspace") && !editor.state.readOnly) {
    editor.remove(id);
  } else return false;
  return true;
}
