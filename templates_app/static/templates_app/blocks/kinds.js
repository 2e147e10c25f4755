/** The kinds of block as the server describes them, in the shape the editor works with. */

/** Kinds that may not stand inside of columns, where the server does not say. */
const ONLY_OUTSIDE = new Set(["columns", "products", "footer", "raw"]);

const ICONS = {
  heading: "title",
  text: "notes",
  image: "image",
  button: "smart_button",
  columns: "view_column_2",
  products: "shopping_cart",
  divider: "horizontal_rule",
  spacer: "expand",
  social: "share",
  footer: "call_to_action",
  raw: "code",
};

/** Turn `[{name, …}]` or `{name: {…}}` into `[{name, …}]`. */
const named = (given, key) =>
  Array.isArray(given)
    ? given.filter((each) => each && each[key])
    : Object.entries(given || {}).map(([name, each]) => ({ [key]: name, ...each }));

const choice = (given) =>
  given !== null && typeof given === "object"
    ? { value: given.value, label: String(given.label ?? given.value) }
    : { value: given, label: String(given) };

const fieldOf = (given) => ({
  ...given,
  label: given.label || given.name.replaceAll("_", " "),
  help: given.help || "",
  choices: (given.choices || []).map(choice),
  fields: named(given.fields, "name").map(fieldOf),
});

/**
 * Return a Map kind → {kind, label, icon, help, inColumns, fields}.
 *
 * `described` is {kinds: [{kind, label, help, in_columns, fields}]}; a field has name,
 * type, default, label, help and, where they mean something, choices, min, max, unit,
 * fields.
 */
export function kindsOf(described) {
  return new Map(
    named(described?.kinds, "kind").map((each) => [
      each.kind,
      {
        ...each,
        label: each.label || each.kind,
        icon: each.icon || ICONS[each.kind] || "widgets",
        help: each.help || "",
        inColumns: each.in_columns ?? !ONLY_OUTSIDE.has(each.kind),
        fields: named(each.fields, "name").map(fieldOf),
      },
    ]),
  );
}

/** Return the fields of the document's settings. */
export function settingsOf(described) {
  return named(described?.settings, "name").map(fieldOf);
}
