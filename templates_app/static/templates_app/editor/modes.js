/** Liquid inside of HTML, JSON and plain text for the code editor: colours only. */

const WORDS = "and|or|not|in|contains|true|false|nil|null|empty|blank|limit|offset|reversed|with|as";
const NAMES = {
  html: ["ace/mode/html", "HtmlHighlightRules", "ace/mode/html_highlight_rules"],
  json: ["ace/mode/json", "JsonHighlightRules", "ace/mode/json_highlight_rules"],
  plain: ["ace/mode/text", "TextHighlightRules", "ace/mode/text_highlight_rules"],
};

const INSIDE = [
  { token: "tx-string", regex: "'[^']*'|\"[^\"]*\"" },
  { token: "tx-filter", regex: "(?<=\\|\\s*)[a-z_]+" },
  { token: "tx-bar", regex: "\\|" },
  { token: "tx-number", regex: "-?\\b\\d+(?:\\.\\d+)?\\b" },
  { token: "tx-word", regex: `\\b(?:${WORDS})\\b` },
  { token: "tx-path", regex: "[A-Za-z_][\\w-]*(?:\\.[\\w-]+|\\[[^\\]]*\\])*" },
];

function rulesOf(kind) {
  const [, name, path] = NAMES[kind];
  const Base = ace.require(path)[name];
  return class extends Base {
    constructor() {
      super();
      const output = [{ token: "tx-brace", regex: "-?\\}\\}", next: "pop" }, ...INSIDE, { defaultToken: "tx-liquid" }];
      const tag = [
        { token: "tx-brace", regex: "-?%\\}", next: "pop" },
        { token: "tx-tag", regex: "(?<=\\{%-?\\s*)[a-z_]+" },
        ...INSIDE,
        { defaultToken: "tx-liquid" },
      ];
      const remark = [{ token: "comment", regex: "\\{%-?\\s*endcomment\\s*-?%\\}", next: "pop" }, { defaultToken: "comment" }];
      for (const rules of Object.values(this.$rules)) {
        rules.unshift(
          { token: "comment", regex: "\\{%-?\\s*comment\\s*-?%\\}", push: "tx-remark" },
          { token: "tx-brace", regex: "\\{\\{-?", push: "tx-output" },
          { token: "tx-brace", regex: "\\{%-?", push: "tx-inside" },
        );
      }
      Object.assign(this.$rules, { "tx-output": output, "tx-inside": tag, "tx-remark": remark });
      this.normalizeRules();
    }
  };
}

const made = new Map();

/** Return the mode of a kind: html, json or plain. Its base must have been loaded. */
export function modeOf(kind) {
  if (!made.has(kind)) {
    const { Mode } = ace.require(NAMES[kind][0]);
    const mode = new Mode();
    mode.HighlightRules = rulesOf(kind);
    mode.$tokenizer = null;
    mode.createWorker = () => null; // nothing runs beside the page
    mode.$id = `tx/${kind}`;
    made.set(kind, mode);
  }
  return made.get(kind);
}
