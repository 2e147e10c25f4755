/** The ways to say a value: as it is, with words for when it is missing, formatted. */

const inner = (node) => node.insert.replace(/^\{\{-?\s*|\s*-?\}\}$/g, "");
const DATES = new Set(["date", "date-time"]);
const MONEY = /(price|total|amount|cost|sum|fee|tax|discount|subtotal|shipping)/i;
const LONG = 40;

/** Return [{label, insert, result}] for a node; the first is what most people want. */
export function waysFor(node, vocabulary) {
  if (node.kind === "array") return waysOfList(node);
  const said = inner(node);
  const plain = { label: "As it is", insert: `{{ ${said} }}`, result: node.sample };
  const other = { label: "With other words when it is missing", insert: `{{ ${said} | default: '…' }}`, result: "" };
  const first = node.required ? [plain, other] : [other, plain];
  if (node.kind === "boolean") return [condition("Show only if it is true", said), ...first];
  const formats = formatsOf(node, vocabulary).map((filter) => ({
    label: filter.about,
    insert: `{{ ${said} ${filter.name === "money" ? moneyUse(vocabulary) : filter.use} }}`,
    result: `for example ${filter.result}`,
  }));
  const isMoney = isNumeric(node) && MONEY.test(node.name);
  const isDate = DATES.has(node.format);
  const leading = isMoney || isDate ? [...formats.splice(0, 1), ...first] : first;
  return [...leading, ...formats, condition(node.required ? "Show only if it is not empty" : "Show only if it is there", said)];
}

function formatsOf(node, { filters = [] }) {
  const wanted = isNumeric(node) ? ["money", "number", "plural", "round"] : textFormats(node);
  return wanted.map((name) => filters.find((filter) => filter.name === name)).filter(Boolean);
}

const isNumeric = (node) => node.kind === "number" || /^-?\d+\.\d{1,4}$/.test(node.sample || "");

/** Return the money filter with the event's own currency, where it has one. */
function moneyUse(vocabulary) {
  const find = (nodes) => {
    for (const node of nodes) {
      if (node.kind === "string" && /^currency(_code)?$/i.test(node.name)) return node;
      const below = node.kind === "object" ? find(node.children || []) : null;
      if (below) return below;
    }
    return null;
  };
  const node = find(vocabulary.context || []);
  return node ? `| money: ${inner(node)}` : "| money: 'EUR'";
}

function textFormats(node) {
  if (DATES.has(node.format)) return node.format === "date" ? ["date"] : ["date", "time"];
  const isLong = (node.sample || "").length > LONG || /(description|text|note|html|body)/i.test(node.name);
  return isLong ? ["truncate", "rich", "capitalize"] : ["capitalize", "upcase", "truncate"];
}

const condition = (label, said) => ({ label, insert: `{% if ${said} %}\n…\n{% endif %}`, result: "" });

function waysOfList(node) {
  const said = /\sin\s(.+?)\s*%\}/.exec(node.insert)?.[1] || node.path;
  const leaves = (node.children || []).filter(({ kind }) => kind !== "array" && kind !== "object");
  const item = node.item || "item";
  const body = leaves.length ? leaves.slice(0, 3).map(inner).map((path) => `{{ ${path} }}`).join(" · ") : `{{ ${item} }}`;
  return [
    { label: "Repeat for each", insert: `{% for ${item} in ${said} %}\n${body}\n{% endfor %}`, result: node.sample },
    { label: "Repeat, with words for an empty list", insert: `{% for ${item} in ${said} %}\n${body}\n{% else %}\n…\n{% endfor %}` },
    { label: "How many there are", insert: `{{ ${said} | size }}` },
    leaves.length
      ? { label: "All in one line", insert: `{{ ${said} | map: '${leaves[0].name}' | join: ', ' }}` }
      : { label: "All in one line", insert: `{{ ${said} | join: ', ' }}` },
    { label: "Show only if there are any", insert: `{% if ${said}.size > 0 %}\n…\n{% endif %}` },
  ];
}

/** Return ready conditions and loops about what the event really holds. */
export function snippetsFor(vocabulary, scopes) {
  const [values, lists] = [[], []];
  const walk = (nodes) => {
    for (const node of nodes) {
      if (node.kind === "array") lists.push(node);
      else if (node.kind === "object") walk(node.children || []);
      else values.push(node);
    }
  };
  walk(vocabulary.context || []);
  const loops = lists.map((node) => ({
    title: `For each of ${node.name}`,
    about: node.path,
    insert: waysOfList(node)[0].insert,
  }));
  const wanted = [...values.filter((node) => !node.required || node.kind === "boolean"), ...values.filter((node) => node.required && node.kind !== "boolean")];
  const conditions = wanted.slice(0, 30).map((node) => ({
    title: `Show only if ${node.name} ${node.kind === "boolean" ? "is true" : "is there"}`,
    about: node.path,
    insert: condition("", inner(node)).insert,
  }));
  const within = scopes.length
    ? [
        { title: "Between the items, not after the last", about: "forloop.last", insert: "{% unless forloop.last %}, {% endunless %}" },
        { title: "Number of the item", about: "forloop.index", insert: "{{ forloop.index }}" },
      ]
    : [];
  const general = (vocabulary.tags || []).filter(({ name }) => name !== "block").map((tag) => ({ title: tag.label, about: tag.about, insert: tag.insert }));
  return [...within, ...loops, ...conditions, ...general];
}
