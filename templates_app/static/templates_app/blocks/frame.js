/** What stands around the list and the panel: the bar, the toast, the spoken words. */

import { button, el, icon } from "./dom.js";
import { badgeElement } from "./cards.js";
import { SETTINGS_ID } from "./findings.js";
import { KEYS } from "./keys.js";
import { TOP } from "./model.js";

const TOAST_SECONDS = 10;

/** Return the frame of an editor: its elements, and how to say things in it. */
export function buildFrame(editor) {
  const { readOnly } = editor.state;
  const undo = button({ label: "Undo", symbol: "undo", disabled: true, on: () => editor.undo(), "data-key": "undo" });
  const redo = button({ label: "Redo", symbol: "redo", disabled: true, on: () => editor.redo(), "data-key": "redo" });
  const settings = button({
    words: "Settings",
    label: "Settings of the email",
    symbol: "tune",
    "aria-pressed": "true",
    on: () => {
      editor.select(null);
      if (editor.isNarrow()) editor.frame.panel.scrollIntoView({ block: "nearest" });
    },
  });
  const pane = el("section", { class: "txb-list-pane", "aria-label": "Blocks", tabindex: "-1" });
  const panel = el("section", { class: "txb-panel", "aria-label": "Email settings", tabindex: "-1" });
  const live = el("div", { class: "txb-spoken", role: "status", "aria-live": "polite" });
  const toast = el("div", { class: "txb-toast", hidden: true });
  const element = el(
    "div",
    { class: "txb" },
    el(
      "div",
      { class: "txb-bar", role: "group", "aria-label": "Blocks" },
      readOnly ? null : addFirst(editor),
      readOnly ? null : undo,
      readOnly ? null : redo,
      el("span", { class: "txb-gap" }),
      settings,
      keyHelp(readOnly),
    ),
    el("div", { class: "txb-panes" }, pane, panel),
    toast,
    live,
  );

  let timer = 0;
  function hideToast() {
    clearTimeout(timer);
    toast.hidden = true;
    toast.replaceChildren();
  }

  function announce(words) {
    // The same words again are only spoken when they come anew.
    live.textContent = "";
    requestAnimationFrame(() => {
      live.textContent = words;
    });
  }

  return {
    element,
    pane,
    panel,
    announce,
    hideToast,
    showToast(words, takeBack) {
      clearTimeout(timer);
      toast.replaceChildren(
        el("span", { text: words }),
        button({ words: "Undo", kind: "txb-toast-undo", on: takeBack }),
        button({ label: "Dismiss", symbol: "close", on: hideToast }),
      );
      toast.hidden = false;
      announce(`${words}. Ctrl Z takes it back.`);
      timer = setTimeout(hideToast, TOAST_SECONDS * 1000);
    },
    show({ canUndo, canRedo }) {
      undo.disabled = !canUndo;
      redo.disabled = !canRedo;
      settings.setAttribute("aria-pressed", String(editor.state.selected === null));
      settings.querySelector(".txb-badge")?.remove();
      const badge = editor.state.findings.badge(SETTINGS_ID);
      if (badge) settings.append(badgeElement(badge));
      settings.setAttribute("aria-label", ["Settings of the email", badge?.words].filter(Boolean).join(", "));
    },
  };
}

function addFirst(editor) {
  return button({
    words: "Add block",
    label: "Add block at the top",
    symbol: "add",
    kind: "txb-primary",
    "aria-haspopup": "menu",
    "aria-expanded": "false",
    "data-key": "add-first",
    on: (event) => editor.openPalette(event.currentTarget, { parent: TOP, column: 0, index: 0 }),
  });
}

function keyHelp(readOnly) {
  return el(
    "details",
    {
      class: "txb-keys",
      on: {
        keydown: (event) => {
          if (event.key === "Escape") event.currentTarget.open = false;
        },
        focusout: (event) => {
          if (!event.currentTarget.contains(event.relatedTarget)) event.currentTarget.open = false;
        },
      },
    },
    el("summary", { class: "txb-button txb-icon-button", "aria-label": "Keys", title: "Keys" }, icon("keyboard")),
    el(
      "dl",
      {},
      KEYS.slice(0, readOnly ? 2 : KEYS.length).map(([key, words]) =>
        el("div", {}, el("dt", {}, el("kbd", { text: key })), el("dd", { text: words })),
      ),
    ),
  );
}
