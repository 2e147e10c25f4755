/**
 * The block document and what can be done to it.
 *
 * Every function returns a new document and leaves the given one alone, so that undo is
 * a list of documents. What is not understood here (kinds, fields, whole entries) is
 * carried along untouched.
 *
 * A place is {parent: id of a columns block or null, column: number, index: number}.
 */

export const TOP = null;
const ID = /^[a-z0-9-]+$/;

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const columnsOf = (block) =>
  block.kind === "columns" && Array.isArray(block.columns) ? block.columns.filter(isObject) : [];
const blocksOf = (holder) => (Array.isArray(holder.blocks) ? holder.blocks : []);

/** Call `visit(block, place)` for every block, outer before inner. */
export function walk(document, visit, holder = document, parent = TOP, column = 0) {
  blocksOf(holder).forEach((block, index) => {
    if (!isObject(block)) return;
    visit(block, { parent, column, index });
    columnsOf(block).forEach((each, at) => walk(document, visit, each, block.id, at));
  });
}

/** Return a copy with the outer shape in place and an id on every block. */
export function adopted(given) {
  const document = isObject(given) ? structuredClone(given) : {};
  document.version ??= 1;
  if (!isObject(document.settings)) document.settings = {};
  if (!Array.isArray(document.blocks)) document.blocks = [];
  const seen = new Set();
  walk(document, (block) => {
    if (typeof block.id !== "string" || !ID.test(block.id) || seen.has(block.id)) {
      block.id = freshId(document, seen);
    }
    seen.add(block.id);
  });
  return document;
}

/** Return a short id that no block of the document has. */
export function freshId(document, more = new Set()) {
  const taken = new Set(more);
  walk(document, (block) => taken.add(block.id));
  for (;;) {
    const id = `b${Math.random().toString(36).slice(2, 7)}`;
    if (ID.test(id) && !taken.has(id)) return id;
  }
}

/** Return {block, place} of an id, or null. */
export function find(document, id) {
  let found = null;
  walk(document, (block, place) => {
    if (block.id === id) found ??= { block, place };
  });
  return found;
}

/** Return the ids of a block and of everything in it. */
export function idsWithin(block) {
  const ids = [];
  walk({ blocks: [block] }, (each) => ids.push(each.id));
  return ids;
}

/** Return the list that a place points into; null when there is none. */
export function listAt(document, { parent, column }) {
  if (parent === TOP) return blocksOf(document);
  const holder = find(document, parent);
  const each = holder && columnsOf(holder.block)[column];
  if (!each) return null;
  if (!Array.isArray(each.blocks)) each.blocks = [];
  return each.blocks;
}

/** Return the document with `block` at `place`. */
export function inserted(document, block, place) {
  const next = structuredClone(document);
  const list = listAt(next, place);
  list.splice(Math.min(place.index, list.length), 0, structuredClone(block));
  return next;
}

/** Return the document without the block. */
export function removed(document, id) {
  const next = structuredClone(document);
  const found = find(next, id);
  if (found) listAt(next, found.place).splice(found.place.index, 1);
  return next;
}

/** Return the document with the block at `place`, counted as it was before the move. */
export function moved(document, id, place) {
  const found = find(document, id);
  if (!found || idsWithin(found.block).includes(place.parent)) return document;
  const sameList = found.place.parent === place.parent && found.place.column === place.column;
  const index = sameList && place.index > found.place.index ? place.index - 1 : place.index;
  if (sameList && index === found.place.index) return document;
  return inserted(removed(document, id), found.block, { ...place, index });
}

/** Return {document, id}: a copy of the block, with ids of its own, right behind it. */
export function duplicated(document, id) {
  const { block, place } = find(document, id);
  const copy = structuredClone(block);
  const taken = new Set();
  walk({ blocks: [copy] }, (each) => {
    each.id = freshId(document, taken);
    taken.add(each.id);
  });
  return { document: inserted(document, copy, { ...place, index: place.index + 1 }), id: copy.id };
}

/** Return the document with the block's fields changed; undefined takes a field out. */
export function patched(document, id, changes) {
  const next = structuredClone(document);
  const found = find(next, id);
  if (found) assign(found.block, changes);
  return next;
}

/** Return the document with its settings changed; undefined takes a setting out. */
export function withSettings(document, changes) {
  const next = structuredClone(document);
  assign(next.settings, changes);
  return next;
}

function assign(target, changes) {
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) delete target[name];
    else target[name] = structuredClone(value);
  }
}

/**
 * Return the place one step up (-1) or down (1), or null at the end of everything.
 * The first and last of a column step out of the columns.
 */
export function stepFrom(document, id, step) {
  const { place } = find(document, id);
  const list = listAt(document, place);
  const index = place.index + step;
  if (index >= 0 && index < list.length) {
    return { ...place, index: step > 0 ? index + 1 : index };
  }
  if (place.parent === TOP) return null;
  const outer = find(document, place.parent).place;
  return { ...outer, index: step > 0 ? outer.index + 1 : outer.index };
}

/**
 * Return the place one step sideways: the next column (1) or the one before (-1); from
 * outside, into the columns that stand before or after; null where there are none.
 */
export function sidestepFrom(document, id, step) {
  const { place } = find(document, id);
  if (place.parent !== TOP) {
    const column = place.column + step;
    const list = listAt(document, { parent: place.parent, column });
    return list && { parent: place.parent, column, index: Math.min(place.index, list.length) };
  }
  const list = blocksOf(document);
  const beside = [list[place.index - 1], list[place.index + 1]].find(
    (block) => isObject(block) && columnsOf(block).length > 0,
  );
  if (!beside) return null;
  const column = step > 0 ? 0 : columnsOf(beside).length - 1;
  return { parent: beside.id, column, index: listAt(document, { parent: beside.id, column }).length };
}

/**
 * Return the scopes a block's texts stand in, inner first: {itemName, collectionPath} of
 * its own items (product list), its own repeat and those of the columns around it.
 */
export function scopesOf(document, id) {
  const scopes = [];
  let at = id;
  while (at !== TOP) {
    const found = find(document, at);
    if (!found) break;
    const { block } = found;
    if (block.kind === "products" && block.path) {
      scopes.push({ itemName: block.as || "item", collectionPath: block.path });
    }
    if (block.repeat?.path) {
      scopes.push({ itemName: block.repeat.as || "item", collectionPath: block.repeat.path });
    }
    at = found.place.parent;
  }
  return scopes;
}

/**
 * Return a copy of a value in which Liquid's words name `to` wherever they named `from`.
 * Only the inside of `{{ … }}` and `{% … %}` is touched.
 */
export function renamed(value, from, to) {
  if (typeof value === "string") {
    const word = new RegExp(`(?<![\\w.'"-])${from}(?=[.\\[\\s|}%]|$)`, "g");
    return value.replace(/\{\{[^]*?\}\}|\{%[^]*?%\}/g, (token) => token.replace(word, to));
  }
  if (Array.isArray(value)) return value.map((each) => renamed(each, from, to));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, renamed(each, from, to)]));
}
