/** The vocabulary of the page: fetched for the typed sample and the chosen event type. */

const EMPTY = { context: [], recipient: [], message: [], event: [], profile: [], blocks: [], filters: [], tags: [] };

export class Vocabulary extends EventTarget {
  data = EMPTY;
  #form;
  #url;
  #timer = 0;
  #asked = 0;

  constructor(form, url) {
    super();
    this.#form = form;
    this.#url = url;
  }

  /** Fetch it anew a moment after the last change of what it is made of. */
  refreshSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.refresh(), 400);
  }

  async refresh() {
    const number = ++this.#asked;
    const asked = new FormData();
    for (const name of ["csrfmiddlewaretoken", "context_sample", "event_type", "language"]) {
      const field = this.#form.elements[name];
      if (field && !field.disabled) asked.set(name, field.value);
    }
    let response;
    try {
      response = await fetch(this.#url, { method: "POST", body: new URLSearchParams(asked) });
    } catch {
      return; // what was known stays; the preview says that the server is away
    }
    if (!response.ok) return;
    const answer = await response.json();
    if (number !== this.#asked) return; // a later question is under way
    this.data = { ...EMPTY, ...answer };
    this.dispatchEvent(new Event("change"));
  }
}
