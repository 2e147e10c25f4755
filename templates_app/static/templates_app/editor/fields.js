/**
 * Every text field of the page in one shape, be it an input or a code editor:
 * {name, label, text, cursor, isLine, splice(start, end, text), show(start, end),
 * mark(findings), focus()}. Offsets are indexes into the text.
 */

const byName = new Map();
const visited = new WeakSet();
document.addEventListener("focusin", ({ target }) => visited.add(target));

/** Make a field known by the name that places use. */
export function register(field) {
  byName.set(field.name, field);
  return field;
}

/** Return the field of a name, also one in a row, such as attachments/0/url; or null. */
export function fieldOf(name) {
  if (byName.has(name)) return byName.get(name);
  const element = name?.includes("/") && document.querySelector(`[data-text="${CSS.escape(name)}"]`);
  return element ? new InputField(element) : null;
}

/** Return the fields in rows, which come and go: of attachments and options. */
export function rowFields(form) {
  return [...form.querySelectorAll('[data-text*="/"]')].map((element) => new InputField(element));
}

/** Return all fields that are known. */
export const allFields = () => [...byName.values()];

/** Return the field that stands for an element. */
export function fieldFor(element) {
  for (const field of byName.values()) if (field.element === element) return field;
  return new InputField(element);
}

/** Return the index of a line and column; columns count characters, as on the server. */
export function offsetOf(text, line, column) {
  let start = 0;
  for (let at = 1; at < line; at += 1) {
    const end = text.indexOf("\n", start);
    if (end < 0) break;
    start = end + 1;
  }
  return forward(text, start, Math.max(0, (column || 1) - 1));
}

/** Return the range of a finding: what it names, or the token that stands there. */
export function rangeOf(text, { line, column, length }) {
  const start = offsetOf(text, line || 1, column || 1);
  if (length) return [start, forward(text, start, length)];
  const token = /^(\{\{[^]*?\}\}|\{%[^]*?%\}|<\/?[\w-]+|[^\s<>{}|]+|.)/u.exec(text.slice(start));
  return [start, start + (token ? token[0].length : 0)];
}

function forward(text, start, count) {
  let at = start;
  for (let left = count; left > 0 && at < text.length; left -= 1) {
    at += text.codePointAt(at) > 0xffff ? 2 : 1;
  }
  return at;
}

/** An input or textarea. */
export class InputField {
  constructor(element) {
    this.element = element;
    this.name = element.dataset.text || element.name || "";
    this.label = element.labels?.[0]?.firstChild?.textContent.trim() || element.getAttribute("aria-label") || this.name;
  }

  get text() {
    return this.element.value;
  }

  get cursor() {
    return this.element.selectionEnd ?? this.element.value.length;
  }

  /** What is selected; a field that nobody has been in is written on at its end. */
  get selection() {
    const { element } = this;
    if (!visited.has(element)) return [element.value.length, element.value.length];
    return [element.selectionStart ?? this.cursor, this.cursor];
  }

  get isLine() {
    return this.element.tagName === "INPUT";
  }

  get isReadOnly() {
    return this.element.matches(":disabled, [readonly]");
  }

  focus() {
    this.element.focus();
  }

  /** Replace a range; the browser's own command keeps what was there for Ctrl+Z. */
  splice(start, end, text) {
    const field = this.element;
    field.focus();
    field.setSelectionRange(start, end);
    const isDone = text ? document.execCommand("insertText", false, text) : document.execCommand("delete");
    if (isDone || start === end) return;
    field.setRangeText(text, start, end, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  select(start, end) {
    this.element.setSelectionRange(start, end);
  }

  show(start, end) {
    unfold(this.element);
    this.element.focus();
    this.element.setSelectionRange(start, end);
    this.element.scrollIntoView({ block: "center", behavior: "smooth" });
  }

  mark(findings) {
    const worst = findings.some(({ severity }) => severity === "error") ? "error" : findings.length ? "warning" : "";
    const frame = this.element.closest(".tx-field");
    if (frame) frame.dataset.found = worst;
    const says = frame?.querySelector("[data-says]");
    if (says) says.textContent = findings.length ? findings[0].message : "";
    if (worst === "error") this.element.setAttribute("aria-invalid", "true");
    else this.element.removeAttribute("aria-invalid");
  }
}

/** Open what is folded around an element. */
export function unfold(element) {
  for (let folded = element.closest("details"); folded; folded = folded.parentElement.closest("details")) {
    folded.open = true;
  }
}
