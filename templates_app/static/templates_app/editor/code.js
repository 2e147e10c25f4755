/**
 * Code editors over textareas: Ace from our own static files. The textarea stays in the
 * form, holds what is typed, and works alone where scripts do not.
 */

import { candidates, contextAt, fromAdobe, openLoops } from "./liquid.js";
import { mjmlCandidates } from "./mjml.js";
import { modeOf } from "./modes.js";
import { rangeOf, register, unfold } from "./fields.js";

const LINES = { source: [26, 26], text: [5, 16], context_sample: [8, 24], data: [6, 16] };
const READ = 4; // lines kept above a place that is shown

/** Put an editor over each `textarea[data-code=html|json|plain]` that is not hidden. */
export function mountCode(form, { vocabulary }) {
  if (!window.ace) return;
  ace.config.set("useStrictCSP", false);
  ace.config.set("loadWorkerFromBlob", false);
  const completer = completerOf(vocabulary);
  for (const area of form.querySelectorAll("textarea[data-code]:not([data-hidden])")) {
    register(new CodeField(area, completer));
  }
}

/** A textarea with an editor over it. */
export class CodeField {
  #isOurs = false;
  #isVisited = false;
  #markers = [];

  constructor(area, completer) {
    this.element = area;
    this.name = area.name;
    this.label = area.labels[0]?.firstChild?.textContent.trim() || area.name;
    this.isLine = false;
    this.isReadOnly = area.matches(":disabled");
    const host = document.createElement("div");
    host.className = "txe-code";
    host.dataset.codeOf = area.name;
    area.after(host);
    area.classList.add("txe-behind");
    area.tabIndex = -1;
    area.setAttribute("aria-hidden", "true");
    this.editor = ace.edit(host, this.#options(completer));
    this.editor.session.setMode(modeOf(area.dataset.code));
    this.editor.completers = [completer];
    this.#name(host);
    this.#follow(area);
    this.#letTabLeave(host);
    if (area.name === "source") new ResizeObserver(() => this.editor.resize()).observe(host);
  }

  get text() {
    return this.editor.session.getValue();
  }

  get cursor() {
    return this.editor.session.doc.positionToIndex(this.editor.getCursorPosition());
  }

  /** What is selected; a source that nobody has been in is written on in its body. */
  get selection() {
    return this.selectionOr(/<\/mj-text>|<\/body>|<\/mj-body>/);
  }

  /** Return what is selected; before anybody was here, the first place that matches. */
  selectionOr(place) {
    if (!this.#isVisited) {
      const at = this.text.search(place);
      return at < 0 ? [this.text.length, this.text.length] : [at, at];
    }
    const { start, end } = this.editor.getSelectionRange();
    const { doc } = this.editor.session;
    return [doc.positionToIndex(start), doc.positionToIndex(end)];
  }

  focus() {
    this.editor.focus();
  }

  splice(start, end, text) {
    const { session } = this.editor;
    session.replace(this.#range(start, end), text);
    const after = session.doc.indexToPosition(start + text.length);
    this.editor.selection.moveToPosition(after);
    this.editor.focus();
  }

  select(start, end) {
    this.editor.selection.setRange(this.#range(start, end));
  }

  show(start, end) {
    unfold(this.element);
    this.editor.resize(true);
    const range = this.#range(start, end);
    this.editor.selection.setRange(range);
    this.editor.scrollToLine(Math.max(0, range.start.row - READ), false, false);
    this.editor.renderer.scrollCursorIntoView();
    this.editor.container.scrollIntoView({ block: "nearest" });
    this.editor.focus();
  }

  mark(findings) {
    const { session } = this.editor;
    for (const id of this.#markers) session.removeMarker(id);
    const placed = findings.filter(({ line }) => line);
    this.#markers = placed.map((finding) => {
      const range = this.#range(...rangeOf(this.text, finding));
      return session.addMarker(range, `txe-squiggle txe-squiggle-${finding.severity}`, "text", true);
    });
    session.setAnnotations(
      placed.map(({ line, column, message, suggestion, severity }) => ({
        row: line - 1,
        column: (column || 1) - 1,
        text: suggestion ? `${message} – ${suggestion}` : message,
        type: severity,
      })),
    );
    const frame = this.element.closest(".tx-field");
    if (frame) frame.dataset.found = findings.some(({ severity }) => severity === "error") ? "error" : "";
  }

  #range(start, end) {
    const { doc } = this.editor.session;
    const [from, to] = [doc.indexToPosition(start), doc.indexToPosition(end)];
    return new ace.Range(from.row, from.column, to.row, to.column);
  }

  #options(completer) {
    const [least, most] = LINES[this.name] || [4, 14];
    const isTall = this.name === "source";
    return {
      value: this.element.value,
      readOnly: this.isReadOnly,
      theme: { cssClass: "ace-tx", isDark: false, cssText: "" },
      useWorker: false,
      tabSize: 2,
      useSoftTabs: true,
      showPrintMargin: false,
      highlightActiveLine: !this.isReadOnly,
      highlightGutterLine: !this.isReadOnly,
      fixedWidthGutter: true,
      fontSize: 13,
      wrap: this.element.dataset.code === "plain",
      scrollPastEnd: 0,
      showGutter: this.element.dataset.code !== "plain",
      displayIndentGuides: false,
      enableBasicAutocompletion: [completer],
      enableLiveAutocompletion: false,
      ...(isTall ? {} : { minLines: least, maxLines: most }),
    };
  }

  #name(host) {
    const input = this.editor.textInput.getElement();
    input.setAttribute("aria-label", this.label);
    input.setAttribute("aria-description", "Code editor. Press Escape, then Tab, to leave it.");
    const hint = this.element.closest(".tx-field")?.querySelector(".tx-help");
    if (hint?.id) input.setAttribute("aria-describedby", hint.id);
    for (const label of this.element.labels) {
      label.addEventListener("click", (event) => {
        event.preventDefault();
        this.focus();
      });
    }
    host.addEventListener("paste", (event) => this.#pasteFromAdobe(event), true);
  }

  #follow(area) {
    this.editor.session.on("change", () => {
      if (this.#isOurs) return;
      this.#isOurs = true;
      area.value = this.text;
      area.dispatchEvent(new Event("input", { bubbles: true }));
      this.#isOurs = false;
    });
    area.addEventListener("input", () => {
      if (this.#isOurs || area.value === this.text) return;
      this.#isOurs = true;
      this.editor.session.doc.setValue(area.value);
      this.#isOurs = false;
    });
    this.editor.commands.on("afterExec", ({ command, args }) => {
      if (command.name === "insertstring" && !this.isReadOnly) this.#offer(args);
    });
  }

  /** Open the completion where Liquid begins, and where a step of it does. */
  #offer(typed) {
    if (typeof typed !== "string" || !/[{%|.\w<' -]$/.test(typed)) return;
    if (this.editor.completer?.activated) return;
    const before = this.text.slice(0, this.cursor);
    const context = contextAt(before);
    const isOpening = /(\{\{|\{%|\|)\s*$/.test(before) || typed === ".";
    const isWord = /^\w$/.test(typed) && context;
    const isElement = /<\/?mj?-?$/.test(before) && this.name === "source";
    if ((context && (isOpening || isWord)) || isElement) this.editor.execCommand("startAutocomplete");
  }

  /** Esc, then Tab leaves the editor; Tab alone indents. */
  #letTabLeave(host) {
    let isLeaving = false;
    host.addEventListener(
      "keydown",
      (event) => {
        if (event.key === "Escape") isLeaving = true;
        else if (event.key === "Tab" && isLeaving) event.stopPropagation();
        else if (event.key !== "Shift") isLeaving = false;
      },
      true,
    );
    this.editor.on("focus", () => {
      this.#isVisited = true;
    });
    this.editor.on("blur", () => {
      isLeaving = false;
    });
  }

  #pasteFromAdobe(event) {
    const pasted = event.clipboardData?.getData("text/plain") || "";
    const plain = fromAdobe(pasted);
    if (plain === pasted) return;
    event.preventDefault();
    event.stopPropagation();
    this.splice(...this.selection, plain);
    this.element.dispatchEvent(new CustomEvent("tx:rewritten", { bubbles: true }));
  }
}

function completerOf(vocabulary) {
  return {
    id: "tx",
    identifierRegexps: [/[\w.[\]'"<-]/],
    triggerCharacters: [],
    getCompletions(editor, session, position, prefix, done) {
      const before = session.doc.getValue().slice(0, session.doc.positionToIndex(position));
      const context = contextAt(before);
      if (!context) {
        done(null, mjmlCandidates(before, session.getMode().$id).map((each) => ({ ...each, completer: this })));
        return;
      }
      const found = candidates(vocabulary.data, context, openLoops(before));
      done(
        null,
        found.map((each, at) => ({
          caption: each.caption,
          value: each.caption,
          meta: each.meta,
          docText: each.about,
          score: (each.isObject ? 300 : 1000) - at,
          each,
          context,
          completer: this,
        })),
      );
    },
    insertMatch(editor, chosen) {
      if (chosen.snippet) {
        editor.completer.detach();
        chosen.insert(editor);
        return;
      }
      const { session } = editor;
      const text = session.getValue();
      const cursor = session.doc.positionToIndex(editor.getCursorPosition());
      const [start, end, words, caret] = completion(text, cursor, chosen.each);
      const { doc } = session;
      const [from, to] = [doc.indexToPosition(start), doc.indexToPosition(end)];
      session.replace(new ace.Range(from.row, from.column, to.row, to.column), words);
      editor.selection.moveToPosition(doc.indexToPosition(start + caret));
    },
  };
}

/** Return [start, end, text, caret]: how a chosen candidate completes a text. */
export function completion(text, cursor, each) {
  const context = contextAt(text.slice(0, cursor));
  if (!context) return [cursor, cursor, each.insert, each.insert.length];
  const rest = text.slice(cursor);
  if (each.isWhole) {
    const closed = /^\s*-?%?\}?\}/.exec(rest);
    const words = each.snippet;
    const gap = words.indexOf("\n\n");
    return [context.start, cursor + (closed ? closed[0].length : 0), words, gap < 0 ? words.length : gap + 1];
  }
  const start = cursor - context.prefix.length;
  const space = /[{%|]-?$/.test(text.slice(0, start)) ? " " : "";
  const isClosed = /^[^{}\n]*-?[}%]\}/.test(rest);
  const half = /^\}/.test(rest) && !isClosed ? 1 : 0; // an editor that pairs braces
  const end = cursor + half;
  const words = `${space}${each.insert}${isClosed ? "" : each.closing}`;
  return [start, end, words, words.length];
}
