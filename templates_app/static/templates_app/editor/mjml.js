/** Completion of MJML: elements where they may stand, and their attributes. */

const CLOSED = new Set(["mj-image", "mj-divider", "mj-spacer", "mj-all", "mj-class", "mj-font", "mj-breakpoint", "mj-carousel-image"]);
const TAG = /<(\/?)([a-z][\w-]*)((?:[^<>"']|"[^"]*"|'[^']*')*?)(\/?)>/gi;
const VOID = new Set(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]);

let table = {};

/** Take the server's table: {element: {parents, attributes}}. */
export function useElements(elements) {
  table = elements || {};
}

/** Return the names of the elements that are open before a cursor, outermost first. */
export function openElements(before) {
  const open = [];
  for (const [, isEnd, name, , isClosed] of before.matchAll(TAG)) {
    const tag = name.toLowerCase();
    if (isEnd) {
      const at = open.lastIndexOf(tag);
      if (at >= 0) open.splice(at);
    } else if (!isClosed && !VOID.has(tag)) open.push(tag);
  }
  return open;
}

/** Return what completes MJML before a cursor: elements after <, attributes in a tag. */
export function mjmlCandidates(before, mode) {
  if (mode !== "tx/html") return [];
  const start = /<([\w-]*)$/.exec(before);
  if (start) return elementsIn(before.slice(0, start.index)).map((name) => elementCandidate(name, start[1].length + 1));
  const inside = /<(mj[\w-]*)\s(?:[^<>"']|"[^"]*"|'[^']*')*?([\w-]*)$/.exec(before);
  const known = inside && table[inside[1]];
  if (!known) return [];
  return known.attributes.map((name) => ({
    caption: name,
    value: `${name}=""`,
    meta: inside[1],
    score: 100,
    snippet: name,
    insert: (editor) => {
      replaceBefore(editor, inside[2].length, `${name}=""`);
      editor.navigateLeft(1);
    },
  }));
}

function elementsIn(before) {
  const parent = openElements(before).at(-1);
  const fitting = Object.keys(table).filter((name) => table[name].parents.includes(parent));
  if (fitting.length) return fitting;
  // Within words there is no MJML; of an empty source it is the first element.
  if (parent) return table[parent] ? [] : Object.keys(table);
  return before.trim() === "" ? ["mjml"] : Object.keys(table);
}

function elementCandidate(name, typed) {
  return {
    caption: `<${name}`,
    value: `<${name}`,
    meta: "MJML",
    score: 100,
    snippet: name,
    insert: (editor) => insertElement(editor, name, typed),
  };
}

/** Return an image as the element that may stand at a place of MJML or HTML. */
export function imageMarkup(source, at, { url, alt }) {
  const quoted = (text) => (text || "").replaceAll("&", "&amp;").replaceAll('"', "&quot;");
  const words = `src="${quoted(url)}" alt="${quoted(alt)}"`;
  const parent = openElements(source.slice(0, at)).findLast((name) => name in table);
  const image = `<mj-image ${words} />`;
  const wrapped = {
    "mj-column": image,
    "mj-hero": image,
    "mj-section": `<mj-column>${image}</mj-column>`,
    "mj-group": `<mj-column>${image}</mj-column>`,
    "mj-body": `<mj-section><mj-column>${image}</mj-column></mj-section>`,
    "mj-wrapper": `<mj-section><mj-column>${image}</mj-column></mj-section>`,
  };
  return wrapped[parent] || `<img ${words} style="max-width:100%">`;
}

function insertElement(editor, name, typed) {
  if (CLOSED.has(name)) {
    replaceBefore(editor, typed, `<${name} />`);
    editor.navigateLeft(3);
    return;
  }
  const end = `</${name}>`;
  replaceBefore(editor, typed, `<${name}>${end}`);
  editor.navigateLeft(end.length);
}

function replaceBefore(editor, count, text) {
  const { row, column } = editor.getCursorPosition();
  editor.session.replace(new ace.Range(row, column - count, row, column), text);
}
