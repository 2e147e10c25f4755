// The authors' pages: live preview of the unsaved form, places of errors, code fields.
"use strict";

const form = document.getElementById("draft-form");
const pane = document.querySelector("[data-preview-pane]");
const stage = document.querySelector("[data-stage]");
const FIELD_OF_PART = { html: "source" };
const WAIT = 200; // milliseconds after the last key

const find = (name) => (pane ? pane.querySelector(`[data-${name}]`) : null);
const put = (name, text) => {
  const element = find(name);
  if (element) element.textContent = text || "";
};

// --- how the preview is shown

const WIDTHS = { desktop: 680, phone: 390 };

function fit() {
  // A column narrower than a desktop's window shows that window smaller, not narrower.
  if (!stage || stage.dataset.view === "text") return;
  const frame = find("frame");
  const room = stage.clientWidth;
  const wanted = WIDTHS[stage.dataset.view];
  const width = stage.dataset.view === "desktop" ? Math.max(room, wanted) : wanted;
  const scale = Math.min(1, room / width);
  frame.style.width = `${width}px`;
  frame.style.height = `${stage.clientHeight / scale}px`;
  frame.style.transform = scale < 1 ? `scale(${scale})` : "none";
  frame.style.marginLeft = `${Math.max(0, (room - width * scale) / 2)}px`;
}

if (stage) {
  for (const button of pane.querySelectorAll("[data-show]")) {
    button.addEventListener("click", () => {
      stage.dataset.view = button.dataset.show;
      for (const each of pane.querySelectorAll("[data-show]")) {
        each.setAttribute("aria-pressed", String(each === button));
      }
      fit();
    });
  }
  const dark = pane.querySelector("button[data-dark]");
  dark.addEventListener("click", () => {
    const isDark = stage.toggleAttribute("data-dark");
    dark.setAttribute("aria-pressed", String(isDark));
    if (form) {
      refresh();
      return;
    }
    const address = new URL(find("frame").src);
    if (isDark) address.searchParams.set("dark", "1");
    // Not by its src: that would be a step for the browser's Back.
    find("frame").contentWindow.location.replace(address);
  });
  new ResizeObserver(fit).observe(stage);
}

// --- places in the text

function offsetOf(text, line, column) {
  let start = 0;
  for (let at = 1; at < line; at += 1) {
    const end = text.indexOf("\n", start);
    if (end < 0) break;
    start = end + 1;
  }
  return Math.min(start + Math.max(0, column - 1), text.length);
}

function showPlace(part, line, column) {
  const field = fieldOf(part);
  if (!field) return;
  const folded = field.closest("details");
  if (folded) folded.open = true;
  field.focus();
  if (!line || !field.setSelectionRange) return;
  const start = offsetOf(field.value, line, column || 1);
  const rest = field.value.slice(start);
  const token = /^(\{\{[^]*?\}\}|\{%[^]*?%\}|[^\s<>]+|.)/u.exec(rest);
  field.setSelectionRange(start, start + (token ? token[0].length : 0));
  if (field.tagName === "TEXTAREA") {
    const style = getComputedStyle(field);
    field.scrollTop = Math.max(0, (line - 4) * parseFloat(style.lineHeight));
    // In a code field every character is as wide as the next, about 0.6 of its height.
    const across = (column || 1) * parseFloat(style.fontSize) * 0.602;
    field.scrollLeft = Math.max(0, across - field.clientWidth / 2);
  }
  field.scrollIntoView({ block: "nearest" });
}

// --- the live preview

let timer = 0;
let asked = 0;
let hasShown = false;

const fieldOf = (part) => form.elements[FIELD_OF_PART[part] || part];
const listBeside = (field) => field?.closest?.(".tx-field")?.querySelector(".errorlist");

function forgetSaid(field) {
  listBeside(field)?.remove();
  field.closest(".tx-field")?.classList.remove("tx-wrong");
  form.querySelector("[data-sample-problem]").textContent = "";
}

function showErrors(errors) {
  const list = find("errors");
  // What the server has said beside a field is said once.
  const unsaid = errors.filter((error) => !listBeside(fieldOf(error.part)));
  list.replaceChildren(
    ...unsaid.map((error) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = error.message;
      const place = [error.part && (FIELD_OF_PART[error.part] || error.part).replace("_", " ")];
      if (error.line) place.push(`line ${error.line}, column ${error.column}`);
      const words = document.createElement("small");
      words.textContent = place.filter(Boolean).join(", ");
      button.append(words);
      button.addEventListener("click", () => showPlace(error.part, error.line, error.column));
      item.append(button);
      return item;
    }),
  );
}

function showParts(answer) {
  const { parts, headers } = answer;
  if (form.dataset.channel === "email") {
    const frame = find("frame");
    if (frame.srcdoc !== parts.html) frame.srcdoc = parts.html;
    put("text", parts.text);
    put("subject", parts.subject);
    put("preheader", answer.preheader);
    put("from", headers.from_name || headers.from_address || "The installation's sender");
    pane.querySelector(".tx-avatar").textContent = (headers.from_name || "✉").trim().charAt(0);
    put("size", `HTML ${answer.size}; Gmail shows up to 102 KB.`);
  } else if (form.dataset.channel === "sms") {
    put("text", parts.text);
    for (const output of document.querySelectorAll("[data-segments]")) {
      output.textContent = answer.segments;
    }
  } else {
    put("title", parts.title);
    put("body", parts.body);
    put("data", parts.data === "{}" ? "" : parts.data);
  }
}

async function refresh() {
  const number = (asked += 1);
  put("preview-status", "…");
  const typed = new URLSearchParams(new FormData(form));
  if (stage?.hasAttribute("data-dark")) typed.set("_dark", "1");
  let answer;
  try {
    const response = await fetch(form.dataset.preview, {
      method: "POST",
      body: typed,
      headers: { Accept: "application/json" },
    });
    if (!response.ok) throw new Error(`${response.status}`);
    answer = await response.json();
  } catch (error) {
    if (number === asked) put("preview-status", `No answer (${error.message})`);
    return;
  }
  if (number !== asked) return; // a later one is under way
  const failed = answer.errors.length > 0;
  pane.toggleAttribute("data-stale", failed);
  hasShown ||= !failed;
  const old = hasShown ? "Last good state" : "Nothing to show yet";
  put("preview-status", failed ? old : "Up to date");
  showErrors(answer.errors);
  find("warnings").replaceChildren(
    ...answer.warnings.map((words) => {
      const item = document.createElement("li");
      item.textContent = words;
      return item;
    }),
  );
  if (!failed) showParts(answer);
}

function refreshSoon() {
  clearTimeout(timer);
  timer = setTimeout(refresh, WAIT);
}

// --- code fields

function replaceText(field, start, end, text) {
  // The browser's own command keeps what was there for Ctrl+Z.
  field.focus();
  field.setSelectionRange(start, end);
  document.execCommand("insertText", false, text);
}

function onCodeKey(event) {
  const field = event.currentTarget;
  if (event.key === "Escape") {
    field.dataset.leaving = "1";
  } else if (event.key === "Tab" && !event.shiftKey && !field.dataset.leaving) {
    event.preventDefault();
    replaceText(field, field.selectionStart, field.selectionEnd, "  ");
  } else if (event.key !== "Shift" && event.key !== "Tab") {
    delete field.dataset.leaving;
  }
}

function tidy() {
  const field = form.elements.context_sample;
  try {
    const text = JSON.stringify(JSON.parse(field.value), null, 2);
    replaceText(field, 0, field.value.length, text);
  } catch {
    refresh(); // says what is wrong, and where
  }
}

async function takeTypeSample(button) {
  const chosen = form.elements.event_type;
  const id = (!chosen.disabled && chosen.value) || button.dataset.typeId;
  if (!id) {
    document.querySelector("[data-sample-problem]").textContent = "Choose an event type first.";
    return;
  }
  const response = await fetch(button.dataset.typeSample.replace("/0/", `/${id}/`));
  if (!response.ok) return;
  const field = form.elements.context_sample;
  const text = JSON.stringify(await response.json(), null, 2);
  replaceText(field, 0, field.value.length, text);
}

if (form) {
  let isDirty = form.querySelector(".tx-wrong, [name=_overwrite]") !== null;
  const unsaved = form.querySelector(".tx-unsaved");
  unsaved.hidden = !isDirty;
  form.addEventListener("input", (event) => {
    forgetSaid(event.target);
    isDirty = true;
    unsaved.hidden = false;
    refreshSoon();
  });
  form.addEventListener("submit", () => {
    isDirty = false;
  });
  window.addEventListener("beforeunload", (event) => {
    if (isDirty) event.preventDefault();
  });
  for (const field of form.querySelectorAll("[data-code]")) {
    field.spellcheck = false;
    field.addEventListener("keydown", onCodeKey);
    field.addEventListener("blur", () => delete field.dataset.leaving);
  }
  const jump = document.querySelector("[data-jump]");
  new IntersectionObserver(([seen]) => {
    jump.hidden = seen.isIntersecting;
  }).observe(pane);
  form.querySelector("[data-pretty]").addEventListener("click", tidy);
  const take = form.querySelector("[data-type-sample]");
  if (take) take.addEventListener("click", () => takeTypeSample(take));
  document.addEventListener("click", (event) => {
    const more = form.querySelector(".tx-more[open]");
    if (more && !more.contains(event.target)) more.open = false;
  });
  refresh().then(() => {
    const place = new URLSearchParams(location.hash.slice(1));
    if (place.has("part")) {
      showPlace(place.get("part"), Number(place.get("line")), Number(place.get("column")));
    }
  });
}
