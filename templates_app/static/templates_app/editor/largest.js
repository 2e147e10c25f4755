/** The other samples, counted once the typing rests: which one makes the message largest. */

const REST = 800; // milliseconds after the last answer

export class Largest {
  #timer = 0;
  #asked = null;

  /** `body()` returns the form as it is sent for a preview. */
  constructor(root, { url, body }) {
    Object.assign(this, { root, url, body });
  }

  /** Count anew when nothing was typed for a while. */
  soon() {
    clearTimeout(this.#timer);
    this.#asked?.abort();
    this.#timer = setTimeout(() => this.#count(), REST);
  }

  async #count() {
    const asked = new AbortController();
    this.#asked = asked;
    let found;
    try {
      const response = await fetch(this.url, { method: "POST", body: this.body(), signal: asked.signal });
      found = response.ok ? await response.json() : {};
    } catch {
      return; // the preview says that the server is away
    }
    for (const line of this.root.querySelectorAll("[data-largest]")) this.#show(line, found);
  }

  #show(line, { label, segments, push_bytes: bytes, count }) {
    const size = segments || (bytes ? `${bytes.toLocaleString("en")} bytes` : "");
    line.hidden = !size || count < 2;
    line.textContent = `Largest of ${count} samples and events: ${label}, ${size}`;
  }
}
