/** Findings of the checker, sorted by the block (or the settings) and the field they speak of. */

const PART = /^(?:blocks\/([^/]+)|settings)(?:\/(.+))?$/;

/** Where the findings of the document's settings stand: no block can have this id. */
export const SETTINGS_ID = "/settings";

export class Findings {
  #byBlock = new Map();

  constructor(findings = []) {
    for (const finding of findings || []) {
      const place = PART.exec(finding.part || "");
      if (!place) continue;
      const field = (place[2] || "").split("/")[0];
      const id = place[1] ?? SETTINGS_ID;
      const known = this.#byBlock.get(id) || [];
      // An error of the renderer is the same as a finding with that severity.
      known.push({ ...finding, severity: finding.severity || "error", field });
      this.#byBlock.set(id, known);
    }
  }

  /** Return whether another has just the same findings. */
  isSame(other) {
    const words = (findings) => JSON.stringify([...findings.#byBlock]);
    return words(this) === words(other);
  }

  /** Return the findings of a block, each with its `field`. */
  of(id) {
    return this.#byBlock.get(id) || [];
  }

  /** Return the findings of one field of a block. */
  at(id, field) {
    return this.of(id).filter((finding) => finding.field === field);
  }

  /** Return {severity, words} for a block's badge, or null. */
  badge(id) {
    const all = this.of(id);
    if (all.length === 0) return null;
    const errors = all.filter(({ severity }) => severity === "error").length;
    const count = errors || all.length;
    const noun = errors ? "error" : "warning";
    return { severity: errors ? "error" : "warning", count, words: `${count} ${noun}${count > 1 ? "s" : ""}` };
  }
}

const MEANT = /^did you mean (.+)\?$/i;
const sentence = (words) => {
  const text = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.?!]$/.test(text) ? text : `${text}.`;
};

/** Return what a finding says, with its suggestion, as sentences. */
export function findingWords({ message, suggestion }) {
  return [message, suggestion].filter(Boolean).map(sentence).join(" ");
}

/** Return [block's id, field] of a finding. */
export function placeOf({ part }) {
  const [, id, rest] = PART.exec(part || "") || [];
  return [id, (rest || "").split("/")[0]];
}

/** Return what a finding would write instead, if its suggestion is that; else "". */
export function meantBy({ suggestion }) {
  const to = (MEANT.exec(suggestion || "")?.[1] || "").replace(/^\|\s*/, "");
  return /[{}]/.test(to) ? "" : to;
}

/** Return {to, mended}: what a finding would write instead, and the text with it; or null. */
export function mendedText(finding, text) {
  const to = meantBy(finding);
  if (!to || typeof text !== "string") return null;
  const mended = finding.line && finding.length ? atPlace(finding, text, to) : byPath(finding, text, to);
  return mended === text ? null : { to, mended };
}

/** Return a field's value, text or an object such as a condition, mended; or null. */
export function mendedValue(finding, value) {
  if (typeof value === "string") return mendedText(finding, value)?.mended ?? null;
  const to = meantBy(finding);
  if (!to || value === null || typeof value !== "object") return null;
  const mended = within(value, (text) => byPath(finding, text, to));
  return JSON.stringify(mended) === JSON.stringify(value) ? null : mended;
}

function within(value, change) {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((each) => within(each, change));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, within(each, change)]));
}

/** Columns and lengths count characters, as on the server. */
function atPlace({ line, column, length }, text, to) {
  const lines = text.split("\n");
  const characters = [...(lines[line - 1] ?? "")];
  const start = (column || 1) - 1;
  if (start + length > characters.length) return text;
  characters.splice(start, length, to);
  lines[line - 1] = characters.join("");
  return lines.join("\n");
}

function byPath({ path }, text, to) {
  if (!path) return text;
  const escaped = path.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return text.replaceAll(new RegExp(`(?<![\\w.])${escaped}(?!\\w)`, "g"), () => to);
}
