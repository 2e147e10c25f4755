/**
 * One control for each type of field.
 *
 * A control is made by `control(field, value, tools)`: `tools.change(value)` is called
 * with what was entered (undefined means: back to the default). The controls are no
 * part of the form around them (`form=""`): Enter in one of them submits nothing.
 */

import { button, el, icon, uniqueId } from "./dom.js";
import { richText } from "./rich.js";

const HEX = /^#(?:[0-9a-f]{3}|[0-9a-f]{6})$/i;

/** Types whose control is a group with a legend, not an input with a label. */
export const GROUPED = new Set(["align", "segmented", "list"]);

/** Return the control of a field; `tools`: {id, key, change, readOnly, describedBy, personalize, …}. */
export function control(field, value, tools) {
  const make = CONTROLS[field.type] || CONTROLS.text;
  return make(field, value, tools);
}

const common = (tools) => ({
  id: tools.id,
  form: "",
  disabled: tools.readOnly,
  "aria-describedby": tools.describedBy || null,
  "aria-invalid": tools.isWrong ? "true" : null,
  "data-key": tools.key,
});

function text(field, value, tools) {
  // A line end would be lost in an input of one line.
  if (String(value ?? "").includes("\n")) return longText(field, value, tools);
  const input = el("input", {
    ...common(tools),
    type: "text",
    autocomplete: "off",
    placeholder: field.placeholder || null,
    spellcheck: field.type === "url" ? "false" : null,
    inputmode: field.type === "url" ? "url" : null,
    props: { value: String(value ?? "") },
    on: { input: (event) => tools.change(event.target.value) },
  });
  return el("div", { class: "txb-with-pick" }, input, tools.personalize(input));
}

function longText(field, value, tools) {
  const isCode = ["code", "mjml", "liquid"].includes(field.type);
  const input = el("textarea", {
    ...common(tools),
    class: isCode ? "txb-code" : "",
    rows: isCode ? 10 : 4,
    spellcheck: isCode ? "false" : null,
    props: { value: String(value ?? "") },
    on: { input: (event) => tools.change(event.target.value) },
  });
  return el("div", { class: "txb-stacked" }, input, el("div", { class: "txb-below" }, tools.personalize(input)));
}

function number(field, value, tools) {
  const input = el("input", {
    ...common(tools),
    type: "number",
    min: field.min ?? 0,
    max: field.max ?? null,
    step: field.step ?? 1,
    props: { value: value ?? "" },
    on: {
      input: ({ target }) => {
        if (target.value === "") tools.change(undefined);
        else if (target.validity.valid) tools.change(Number(target.value));
      },
      change: ({ target }) => target.reportValidity(),
    },
  });
  return el("div", { class: "txb-number" }, input, field.unit ? el("span", { class: "txb-unit", text: field.unit }) : null);
}

function color(field, value, tools) {
  const inherits = (field.default ?? "") === "";
  const nothing = inherits ? "inherit" : field.default;
  const isSet = Boolean(value) && value !== field.default;
  const asSix = (given) => (given.length === 4 ? `#${[...given.slice(1)].map((one) => one + one).join("")}` : given);
  const shown = value || field.default || "";
  const words = el("input", {
    ...common(tools),
    type: "text",
    class: "txb-hex",
    spellcheck: "false",
    autocomplete: "off",
    placeholder: nothing,
    props: { value: value ? String(value) : "" },
    on: {
      input: ({ target }) => {
        const typed = target.value.trim();
        const isGood = typed === "" || HEX.test(typed);
        target.setCustomValidity(isGood ? "" : "Write a colour as # and 6 digits");
        if (isGood) give(typed.toLowerCase());
      },
      change: ({ target }) => target.reportValidity(),
    },
  });
  const chip = el("input", {
    type: "color",
    form: "",
    class: inherits && !value ? "txb-swatch txb-swatch-inherit" : "txb-swatch",
    disabled: tools.readOnly,
    "aria-label": `${field.label}: choose`,
    props: { value: HEX.test(shown) ? asSix(shown) : "#808080" },
    on: {
      input: ({ target }) => {
        words.value = target.value;
        words.setCustomValidity("");
        give(target.value);
      },
    },
  });
  const reset = button({
    label: `${field.label}: ${inherits ? "inherit" : "default"}`,
    words: inherits ? "Inherit" : "Reset",
    kind: "txb-quiet-button",
    disabled: tools.readOnly || !isSet,
    on: () => {
      words.value = "";
      words.focus();
      give("");
    },
  });
  function give(typed) {
    if (HEX.test(typed)) chip.value = asSix(typed);
    chip.classList.toggle("txb-swatch-inherit", inherits && typed === "");
    reset.disabled = typed === "";
    tools.change(typed === "" ? undefined : typed);
  }
  return el("div", { class: "txb-color" }, chip, words, reset);
}

function select(field, value, tools) {
  const choices = field.choices || [];
  const isKnown = choices.some((each) => String(each.value) === String(value));
  const shown = isKnown ? choices : [{ value, label: String(value || "–") }, ...choices];
  return el(
    "select",
    {
      ...common(tools),
      on: { change: ({ target }) => tools.change(shown[target.selectedIndex].value) },
    },
    shown.map((each) =>
      el("option", { text: each.label, props: { value: String(each.value) }, selected: String(each.value) === String(value) }),
    ),
  );
}

/** A row of buttons of which one is pressed: radio inputs, so arrows and names are right. */
function segmented(field, value, tools) {
  const name = uniqueId("radio");
  return el(
    "div",
    { class: "txb-segments" },
    field.choices.map((each) =>
      el(
        "label",
        { class: "txb-segment", title: each.symbol ? each.label : null },
        el("input", {
          type: "radio",
          form: "",
          name,
          disabled: tools.readOnly,
          "data-key": `${tools.key}-${each.value}`,
          "aria-label": each.symbol ? each.label : null,
          props: { checked: String(each.value) === String(value) },
          on: { change: () => tools.change(each.value) },
        }),
        each.symbol ? icon(each.symbol) : el("span", { text: each.label }),
      ),
    ),
  );
}

const ALIGNMENTS = ["left", "center", "right"].map((value) => ({
  value,
  label: value[0].toUpperCase() + value.slice(1),
  symbol: `format_align_${value}`,
}));

const align = (field, value, tools) => segmented({ ...field, choices: ALIGNMENTS }, value || "left", tools);

const choice = (field, value, tools) =>
  GROUPED.has(typeOf(field)) ? segmented(field, value, tools) : select(field, value, tools);

/** Return a field's type for showing: a few short choices become a row of buttons. */
export function typeOf(field) {
  const few = field.choices || [];
  const isShort = few.length > 1 && few.length <= 4 && few.map(({ label }) => label).join("").length <= 28;
  return field.type === "choice" && isShort ? "segmented" : field.type;
}

function boolean(field, value, tools) {
  return el("input", {
    ...common(tools),
    type: "checkbox",
    props: { checked: Boolean(value) },
    on: { change: ({ target }) => tools.change(target.checked) },
  });
}

/** An address of an image: typed, uploaded, or chosen from those uploaded before. */
function image(field, value, tools) {
  const { uploadImage, chooseImage } = tools.images;
  const status = el("p", { class: "txb-note", role: "status" });
  const input = el("input", {
    ...common(tools),
    type: "text",
    inputmode: "url",
    spellcheck: "false",
    autocomplete: "off",
    placeholder: "https://…",
    props: { value: String(value ?? "") },
    on: { input: (event) => tools.change(event.target.value) },
  });
  const file = el("input", {
    type: "file",
    props: { hasChangeListener: true }, // else unfold writes the file's name into a text field nearby
    form: "",
    accept: "image/png,image/jpeg,image/gif,image/webp",
    hidden: true,
    "aria-label": `${field.label}: file`,
    on: { change: () => upload(file.files[0]) },
  });
  async function upload(chosen) {
    if (!chosen) return;
    status.textContent = "Uploading…";
    try {
      const { url, width } = await uploadImage(chosen);
      tools.changeImage({ src: url, alt: "", width });
    } catch (error) {
      status.textContent = `Not uploaded: ${error.message}`;
    }
    file.value = "";
  }
  async function choose() {
    const chosen = await chooseImage();
    if (chosen) tools.changeImage({ src: chosen.url, alt: chosen.alt || "", width: chosen.width });
  }
  const box = el(
    "div",
    { class: "txb-stacked" },
    thumbnail(value),
    el("div", { class: "txb-with-pick" }, input, tools.personalize(input)),
    tools.readOnly
      ? null
      : el(
          "div",
          { class: "txb-below" },
          uploadImage ? button({ words: "Upload…", symbol: "upload", on: () => file.click(), "data-key": `${tools.key}-upload` }) : null,
          chooseImage ? button({ words: "Choose…", symbol: "photo_library", on: choose, "data-key": `${tools.key}-choose` }) : null,
          file,
        ),
    status,
  );
  if (uploadImage && !tools.readOnly) takeDrops(box, upload);
  return box;
}

/** Let a picture be dropped on a box; anything else is left to the browser. */
function takeDrops(box, take) {
  const pictureIn = ({ dataTransfer }) => [...(dataTransfer?.items || [])].some(({ kind, type }) => kind === "file" && type.startsWith("image/"));
  box.addEventListener("dragover", (event) => {
    if (!pictureIn(event)) return;
    event.preventDefault();
    box.classList.add("txb-dropping");
  });
  box.addEventListener("dragleave", () => box.classList.remove("txb-dropping"));
  box.addEventListener("drop", (event) => {
    box.classList.remove("txb-dropping");
    if (!pictureIn(event)) return;
    event.preventDefault();
    take(event.dataTransfer.files[0]);
  });
}

/** Show an image of this site only: looking at a draft must tell nobody else. */
export function thumbnail(address) {
  const text = String(address || "");
  const isOurs = (text.startsWith("/") && !text.startsWith("//")) || text.startsWith(`${location.origin}/`);
  if (!isOurs || text.includes("{")) return null;
  return el("img", { class: "txb-thumbnail", src: text, alt: "" });
}

const html = (field, value, tools) => richText(field, value, { ...tools, attributes: common(tools) });

const CONTROLS = {
  text,
  url: text,
  image,
  html,
  code: longText,
  mjml: longText,
  liquid: longText,
  multiline: longText,
  number,
  color,
  choice,
  align,
  boolean,
};
