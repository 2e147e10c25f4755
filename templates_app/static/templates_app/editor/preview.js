/** The live preview: the unsaved form is rendered and checked a moment after each key. */

import { showPush } from "./push.js";
import { Stage } from "./stage.js";

const WAIT = 40; // milliseconds after the last key

export class Preview extends EventTarget {
  #timer = 0;
  #asked = null;
  #hasShown = false;

  /** `extras()` returns what the request holds beside the form. */
  constructor(form, pane, { url, channel, extras, onBlock }) {
    super();
    Object.assign(this, { form, pane, url, channel, extras });
    const hasStage = pane.querySelector("[data-stage]") !== null;
    this.stage = hasStage ? new Stage(pane, { onBlock, onDark: () => this.refresh() }) : null;
  }

  refreshSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.refresh(), WAIT);
  }

  async refresh() {
    clearTimeout(this.#timer);
    this.#asked?.abort();
    const asked = new AbortController();
    this.#asked = asked;
    this.#put("preview-status", "…");
    let answer;
    try {
      const response = await fetch(this.url, {
        method: "POST",
        body: this.body(),
        headers: { Accept: "application/json" },
        signal: asked.signal,
      });
      if (!response.ok) throw new Error(response.status === 403 ? "signed out?" : `${response.status}`);
      answer = await response.json();
    } catch (error) {
      if (error.name !== "AbortError") this.#put("preview-status", `No answer (${error.message})`);
      return;
    }
    if (this.#asked !== asked) return; // a later one is under way
    this.#show(answer);
  }

  body() {
    const typed = new URLSearchParams(new FormData(this.form));
    if (this.stage?.isDark) typed.set("_dark", "1");
    for (const [name, value] of Object.entries(this.extras())) typed.set(name, value);
    return typed;
  }

  #show(answer) {
    const failed = answer.errors.length > 0;
    this.pane.toggleAttribute("data-stale", failed);
    this.#hasShown ||= !failed;
    this.pane.toggleAttribute("data-blank", !this.#hasShown);
    const old = this.#hasShown ? "Last good state" : "Nothing to show yet";
    this.#put("preview-status", failed ? old : "Up to date");
    if (!failed) this.#parts(answer);
    const list = this.pane.querySelector("[data-warnings]");
    const said = new Set(answer.findings.map(({ message }) => message));
    const items = answer.warnings.filter((words) => !said.has(words)).map((words) => {
      const item = document.createElement("li");
      item.textContent = words;
      return item;
    });
    list.replaceChildren(...items);
    this.dispatchEvent(new CustomEvent("answer", { detail: answer }));
  }

  #parts(answer) {
    const { parts, headers } = answer;
    if (this.channel === "email") {
      this.stage.show(parts.html);
      this.#put("text", parts.text);
      this.#put("subject", parts.subject);
      this.#put("preheader", answer.preheader);
      this.#put("from", headers.from_name || headers.from_address || "The installation's sender");
      this.pane.querySelector(".tx-avatar").textContent = (headers.from_name || "✉").trim().charAt(0);
      this.#put("size", `HTML ${answer.size}; Gmail shows up to 102 KB.`);
    } else if (this.channel === "sms") {
      this.#put("text", parts.text);
      this.#put("sender", headers.sender || "The installation's sender");
    } else {
      showPush(this.pane, answer);
    }
  }

  #put(name, text) {
    const element = this.pane.querySelector(`[data-${name}]`);
    if (element) element.textContent = text || "";
  }
}
