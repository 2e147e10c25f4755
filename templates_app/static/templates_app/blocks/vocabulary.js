/** What a message can speak of: looking up paths, and offering them for choosing. */

const ROOTS = [
  ["context", "Event data"],
  ["recipient", "Recipient"],
  ["profile", "Profile"],
  ["event", "Event"],
  ["message", "Message"],
];

const childrenOf = (node) => node.children || [];

/** Return the nodes of an item of the collection, with paths by the item's name. */
export function itemNodes(vocabulary, scope, outer = []) {
  const collection = nodeAt(vocabulary, scope.collectionPath, outer);
  if (!collection) return [];
  const prefix = `${collection.path}[]`;
  const rebased = (node) => ({
    ...node,
    path: node.path.startsWith(prefix) ? scope.itemName + node.path.slice(prefix.length) : node.path,
    children: childrenOf(node).map(rebased),
  });
  return childrenOf(collection).map(rebased);
}

/** Return the node of a path like ctx.order.total or, inside of `scopes`, item.price. */
export function nodeAt(vocabulary, path, scopes = []) {
  const search = (nodes) => {
    for (const node of nodes) {
      if (node.path === path) return node;
      if (node.kind === "array" && !path.startsWith(`${node.path}[]`)) continue;
      const found = search(childrenOf(node));
      if (found) return found;
    }
    return null;
  };
  for (const [at, scope] of scopes.entries()) {
    const found = search(itemNodes(vocabulary, scope, scopes.slice(at + 1)));
    if (found) return found;
  }
  for (const [root] of ROOTS) {
    const found = search(vocabulary?.[root] || []);
    if (found) return found;
  }
  return null;
}

/**
 * Return [{label, options: [{path, label, kind, sample, depth}]}] for a native select.
 * Items of an array are offered only where a scope gives them a name.
 */
export function choicesOf(vocabulary, scopes = []) {
  const groups = scopes.map((scope, at) => ({
    label: `Each ${scope.itemName} of ${scope.collectionPath}`,
    nodes: itemNodes(vocabulary, scope, scopes.slice(at + 1)),
  }));
  for (const [root, label] of ROOTS) groups.push({ label, nodes: vocabulary?.[root] || [] });
  return groups
    .map(({ label, nodes }) => ({ label, options: flat(nodes) }))
    .filter(({ options }) => options.length > 0);
}

/** Return the choices that are lists: what a block can be repeated for. */
export function collectionsOf(vocabulary, scopes = []) {
  return choicesOf(vocabulary, scopes)
    .map(({ label, options }) => ({ label, options: options.filter(({ kind }) => kind === "array") }))
    .filter(({ options }) => options.length > 0);
}

function flat(nodes, depth = 0) {
  return nodes.flatMap((node) => [
    {
      path: node.path,
      label: node.name || node.path,
      kind: node.kind || "string",
      sample: node.sample,
      depth,
    },
    ...(node.kind === "array" ? [] : flat(childrenOf(node), depth + 1)),
  ]);
}

/** Return a good name for one of many: items → item, boxes → box, else "item". */
export function singular(path) {
  const word = (path.split(".").pop() || "").toLowerCase().replaceAll(/[^a-z0-9_]/g, "");
  if (/^[a-z].*ies$/.test(word)) return `${word.slice(0, -3)}y`;
  if (/^[a-z].*(ses|xes|ches|shes)$/.test(word)) return word.slice(0, -2);
  if (/^[a-z].*[^s]s$/.test(word)) return word.slice(0, -1);
  return "item";
}

const GUESSES = {
  image: ["image", "image_url", "photo", "picture", "thumbnail"],
  title: ["title", "name", "label", "product", "product_name"],
  description: ["description", "summary", "variant", "details"],
  price: ["price", "total", "amount", "unit_price"],
  link: ["url", "link", "href", "product_url"],
};

/** Return {image, title, …}: which of an item's fields fit a product list, as Liquid. */
export function productFields(vocabulary, scope, outer = []) {
  const nodes = itemNodes(vocabulary, scope, outer);
  const fields = {};
  for (const [name, words] of Object.entries(GUESSES)) {
    const word = words.find((each) => nodes.some((node) => node.name === each));
    const node = nodes.find(({ name: own }) => own === word);
    if (node) fields[name] = node.insert?.includes(node.path) ? node.insert : `{{ ${node.path} }}`;
  }
  return fields;
}
