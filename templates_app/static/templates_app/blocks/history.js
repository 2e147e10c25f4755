/** Undo and redo: a line of states, where quick changes to one thing are one step. */

const TOGETHER = 1200; // milliseconds
const LONGEST = 200;

export class History {
  #past = [];
  #future = [];
  #key = null;
  #at = 0;

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  /** Keep the state from before a change; changes with one `key` in quick succession are one. */
  keep(state, key = null) {
    const now = performance.now();
    const joins = key !== null && key === this.#key && now - this.#at < TOGETHER;
    this.#key = key;
    this.#at = now;
    this.#future = [];
    if (joins) return;
    this.#past.push(state);
    if (this.#past.length > LONGEST) this.#past.shift();
  }

  /** Return the state before, keeping the present one for redo; null when there is none. */
  undo(present) {
    return this.#step(this.#past, this.#future, present);
  }

  /** Return the state that was undone last; null when there is none. */
  redo(present) {
    return this.#step(this.#future, this.#past, present);
  }

  #step(from, to, present) {
    if (from.length === 0) return null;
    this.#key = null;
    to.push(present);
    return from.pop();
  }
}
