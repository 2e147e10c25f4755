/** The frame that shows a rendered email: its width, dark, images, and what is clicked. */

const WIDTHS = { desktop: 680, phone: 390 };
const BLOCK = /\btx-block-([a-z0-9-]+)/;
const HIGHLIGHT = "outline:2px solid #0f6d57!important;outline-offset:-2px;";
const NO_IMAGES = "*{background-image:none!important}";

export class Stage {
  #html = null;
  #selected = null;
  #hasImages = true;

  /** `onBlock(id)` hears of clicks on a marked block; `onDark()` of the toggle. */
  constructor(pane, { onBlock, onDark }) {
    this.stage = pane.querySelector("[data-stage]");
    this.frame = pane.querySelector("[data-frame]");
    this.onBlock = onBlock;
    this.#toggles(pane, onDark);
    new ResizeObserver(() => this.fit()).observe(this.stage);
    this.frame.addEventListener("load", () => this.#loaded());
  }

  get isDark() {
    return this.stage.hasAttribute("data-dark");
  }

  /**
   * Show a document. One that is shown already is changed in place: no flicker, and the
   * reader stays where they were.
   */
  show(html) {
    if (html === this.#html) return;
    const isFirst = this.#html === null;
    this.#html = html;
    const shown = this.frame.contentDocument;
    const next = new DOMParser().parseFromString(html, "text/html");
    // A srcdoc is never in quirks mode, with or without a doctype: one frame does for all.
    if (isFirst || !shown?.documentElement || shown.URL !== "about:srcdoc") {
      this.frame.srcdoc = html;
      return;
    }
    const at = shown.scrollingElement?.scrollTop || 0;
    // The frame's policy stands since it was loaded; another one would only add to it.
    for (const meta of next.querySelectorAll("meta[http-equiv]")) meta.remove();
    shown.replaceChild(shown.adoptNode(next.documentElement), shown.documentElement);
    if (shown.scrollingElement) shown.scrollingElement.scrollTop = at;
    this.#dress();
  }

  /** Show which block is being edited. */
  select(id) {
    this.#selected = id;
    this.#highlight(true);
  }

  fit() {
    // A column narrower than a desktop's window shows that window smaller, not narrower.
    const { view } = this.stage.dataset;
    if (view === "text") return;
    const room = this.stage.clientWidth;
    const width = view === "desktop" ? Math.max(room, WIDTHS.desktop) : WIDTHS.phone;
    const scale = Math.min(1, room / width);
    Object.assign(this.frame.style, {
      width: `${width}px`,
      height: `${this.stage.clientHeight / scale}px`,
      transform: scale < 1 ? `scale(${scale})` : "none",
      marginLeft: `${Math.max(0, (room - width * scale) / 2)}px`,
    });
  }

  #toggles(pane, onDark) {
    const views = [...pane.querySelectorAll("[data-show]")];
    for (const button of views) {
      button.addEventListener("click", () => {
        this.stage.dataset.view = button.dataset.show;
        for (const each of views) each.setAttribute("aria-pressed", String(each === button));
        this.fit();
      });
    }
    const dark = pane.querySelector("button[data-dark]");
    dark.addEventListener("click", () => {
      dark.setAttribute("aria-pressed", String(this.stage.toggleAttribute("data-dark")));
      onDark();
    });
    const images = pane.querySelector("button[data-images]");
    images?.addEventListener("click", () => {
      this.#hasImages = !this.#hasImages;
      images.setAttribute("aria-pressed", String(!this.#hasImages));
      const html = this.#html;
      this.#html = "";
      if (html) this.show(html);
    });
  }

  #loaded() {
    this.frame.contentDocument?.addEventListener("click", (event) => {
      event.preventDefault();
      const marked = event.target.closest?.('[class*="tx-block-"]');
      const id = marked && BLOCK.exec(marked.getAttribute("class") || "")?.[1];
      if (id) this.onBlock(id);
    });
    this.#dress();
  }

  #dress() {
    const shown = this.frame.contentDocument;
    if (!shown?.head) return;
    if (!this.#hasImages) {
      for (const image of shown.querySelectorAll("img")) image.removeAttribute("src");
      addStyle(shown, "tx-no-images", NO_IMAGES);
    }
    if (shown.querySelector('[class*="tx-block-"]')) {
      addStyle(shown, "tx-cursor", '[class*="tx-block-"]{cursor:pointer}');
    }
    this.#highlight(false);
  }

  #highlight(scroll) {
    const shown = this.frame.contentDocument;
    if (!shown?.head) return;
    shown.getElementById("tx-highlight")?.remove();
    if (!this.#selected) return;
    addStyle(shown, "tx-highlight", `.tx-block-${this.#selected}{${HIGHLIGHT}}`);
    if (scroll) bringIntoView(shown, shown.querySelector(`.tx-block-${this.#selected}`));
  }
}

/** Scroll the shown document alone: `scrollIntoView` would move the page around it. */
function bringIntoView(shown, element) {
  if (!element) return;
  const { top, bottom } = element.getBoundingClientRect();
  const room = shown.documentElement.clientHeight;
  const by = top < 0 ? top : Math.max(0, Math.min(top, bottom - room));
  shown.scrollingElement?.scrollBy(0, by);
}

function addStyle(shown, id, rules) {
  shown.getElementById(id)?.remove();
  const style = shown.createElement("style");
  style.id = id;
  style.textContent = rules;
  shown.head.append(style);
}
