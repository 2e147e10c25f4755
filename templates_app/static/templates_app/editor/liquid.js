/**
 * Where a cursor stands in Liquid, and what can be said there. Works on plain text; knows
 * no field and no page.
 */

import { itemNodes } from "../blocks/vocabulary.js";

const ROOTS = [
  ["context", "Event data"],
  ["recipient", "Recipient"],
  ["profile", "Profile"],
  ["message", "Message"],
  ["event", "Event"],
];
const LONGEST = 400; // characters of an open tag that are still looked at

/**
 * Return what is being typed before a cursor: {kind, prefix, start}, or null outside of
 * Liquid. `kind` is "path", "list", "filter" or "tag"; `start` is where `{{` or `{%` is.
 */
export function contextAt(before) {
  const start = Math.max(before.lastIndexOf("{{"), before.lastIndexOf("{%"));
  if (start < 0 || before.length - start > LONGEST) return null;
  const inside = before.slice(start + 2);
  if (/[%}]\}/.test(inside)) return null;
  const isTag = before[start + 1] === "%";
  const word = /^-?\s*(\w*)$/.exec(inside);
  if (isTag && word) return { kind: "tag", prefix: word[1], start };
  const filter = /\|\s*(\w*)$/.exec(inside);
  if (filter) return { kind: "filter", prefix: filter[1], start };
  if (/^[^']*('[^']*'[^']*)*'[^'\]]*$/.test(inside) && !/\['[^']*$/.test(inside)) return null;
  const prefix = /[\w.[\]'"-]*$/.exec(inside)[0];
  if (isTag && /^-?\s*block\s/.test(inside)) return { kind: "block", prefix, start };
  const isList = isTag && /^-?\s*for\s+\w+\s+in\s+[\w.[\]'"-]*$/.test(inside);
  if (isTag && !isList && !/\s/.test(inside.trim()) && !/\s$/.test(inside)) return null;
  return { kind: isList ? "list" : "path", prefix, start };
}

/** Return the loops that are open before a cursor, innermost first, as scopes. */
export function openLoops(before) {
  const open = [];
  for (const match of before.matchAll(/\{%-?\s*(?:for\s+(\w+)\s+in\s+([^\s%|]+)|(endfor))/g)) {
    if (match[3]) open.shift();
    else open.unshift({ itemName: match[1], collectionPath: match[2] });
  }
  return open.map((scope, at) => ({ ...scope, scopes: open.slice(at) }));
}

/** Return the nodes that a scope's item has, named by the loop. */
export function scopeGroups(vocabulary, scopes) {
  return scopes.map((scope, at) => ({
    name: `item-${at}`,
    label: `Each ${scope.itemName} of ${scope.collectionPath}`,
    nodes: itemNodes(vocabulary, scope, scopes.slice(at + 1)).map(renamed),
  }));
}

/** Return a node of an item whose `insert` says it by the name of this loop. */
function renamed(node) {
  if (node.kind === "array") return { ...node, insert: node.insert.replace(/ in [^%]+?(?= %\})/, ` in ${node.path}`) };
  return { ...node, insert: `{{ ${node.path} }}`, children: (node.children || []).map(renamed) };
}

/** Return every path that can be said at a place: {path, node, group}. */
export function pathsOf(vocabulary, scopes = []) {
  const found = [];
  const walk = (nodes, group) => {
    for (const node of nodes) {
      found.push({ path: saidPath(node), node, group });
      if (node.kind !== "array") walk(node.children || [], group);
    }
  };
  for (const { nodes, label } of scopeGroups(vocabulary, scopes)) walk(nodes, label);
  for (const [root, label] of ROOTS) walk(vocabulary[root] || [], label);
  return found;
}

/** Return how a node is said: its own `insert` without braces, or its path. */
export function saidPath(node) {
  return node.path.replaceAll("[]", "");
}

/** Return what completes a context: {caption, insert, meta, about, closing}. */
export function candidates(vocabulary, context, scopes = []) {
  if (context.kind === "filter") {
    return (vocabulary.filters || []).map((filter) => ({
      caption: filter.name,
      insert: filter.use.replace(/^\|\s*/, "").split(" | ")[0],
      meta: filter.result,
      about: filter.about,
      closing: "",
    }));
  }
  if (context.kind === "tag") {
    return (vocabulary.tags || []).map((tag) => ({
      caption: tag.name,
      snippet: tag.insert,
      insert: tag.insert.replace(/^\{%-?\s*/, ""),
      meta: tag.label,
      about: tag.about,
      isWhole: true,
      closing: "",
    }));
  }
  if (context.kind === "block") {
    return (vocabulary.blocks || []).map(({ name, label }) => ({
      caption: `'${name}'`,
      insert: `'${name}'`,
      meta: label,
      closing: " %}",
    }));
  }
  const paths = pathsOf(vocabulary, scopes);
  const fitting = context.kind === "list" ? paths.filter(({ node }) => node.kind === "array") : paths;
  return fitting.map(({ path, node, group }) => ({
    caption: path,
    insert: path,
    meta: node.sensitive ? "hidden" : node.sample || node.kind,
    about: [group, node.kind, node.required ? "" : "may be missing", node.description].filter(Boolean).join(" · "),
    closing: context.kind === "list" ? " %}" : " }}",
    isObject: node.kind === "object" || node.kind === "array",
  }));
}

/** Return candidates that fit a typed prefix, best first. */
export function matching(all, prefix, limit = 50) {
  const wanted = prefix.toLowerCase();
  const scored = [];
  for (const each of all) {
    const text = each.caption.toLowerCase();
    const at = text.indexOf(wanted);
    if (at < 0) continue;
    const isStart = at === 0 || text[at - 1] === ".";
    scored.push([(at === 0 ? 0 : isStart ? 1 : 2) + (each.isObject ? 0.5 : 0), each]);
  }
  scored.sort((one, other) => one[0] - other[0]);
  return scored.slice(0, limit).map(([, each]) => each);
}

/** Return Adobe's plain paths as Liquid; what computes stays as it is. */
export function fromAdobe(text) {
  return text.replace(
    /<%=\s*(rtEvent\.ctx(?:\.[A-Za-z_$][\w$]*|\[\d+\]|\['[^']*'\])+)\s*;?\s*%>/g,
    (_, path) => `{{ ${path} }}`,
  );
}
