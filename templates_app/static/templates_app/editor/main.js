/** The page of a message or template: wires its fields, picker, preview and findings. */

import { chooseImage, uploadImage } from "../images.js";
import { mountCode } from "./code.js";
import { InputField, fieldFor, fieldOf, register } from "./fields.js";
import { FindingList } from "./findings.js";
import { SourceKinds } from "./kinds.js";
import { Largest } from "./largest.js";
import { mountLeaving } from "./leaving.js";
import { fromAdobe } from "./liquid.js";
import { imageMarkup, useElements } from "./mjml.js";
import { offerSamples } from "./offers.js";
import { Picker } from "./picker.js";
import { Preview } from "./preview.js";
import { mountAttachments, mountOptions } from "./rows.js";
import { mountSample } from "./sample.js";
import { showSms } from "./sms.js";
import { mountSuggest } from "./suggest.js";
import { Vocabulary } from "./words.js";

const form = document.getElementById("draft-form");
const config = JSON.parse(document.getElementById("tx-editor").textContent);
const pane = form.querySelector("[data-preview-pane]");

const say = (words) => {
  const line = form.querySelector("[data-note]");
  line.textContent = words;
  line.hidden = !words;
};

const images = {
  chooseImage: () => chooseImage(config.urls.images),
  uploadImage: (file) => uploadImage(config.urls.images, file),
};
const vocabulary = new Vocabulary(form, config.urls.vocabulary);
const picker = new Picker(vocabulary);
useElements(config.mjml);
mountCode(form, { vocabulary });
for (const element of form.querySelectorAll("input[data-text], textarea[data-text]:not([data-code])")) {
  register(new InputField(element));
}
const rows = {
  attachments: mounted("attachments", mountAttachments),
  options: mounted("options", mountOptions),
};
let kinds = null;
const preview = new Preview(form, pane, {
  url: config.urls.preview,
  channel: config.channel,
  extras: () => ({
    language: config.language,
    _sample: form.querySelector("[data-render-with]")?.value || "own",
    ...(kinds?.isBlocks ? { _mark: "1" } : {}),
  }),
  onBlock: (id) => kinds?.show(id),
});
if (form.elements.source_kind) {
  kinds = new SourceKinds(form, { vocabulary, picker, stage: preview.stage, kinds: config.kinds, urls: config.urls, images, say });
}
const largest = config.channel === "email" ? null : new Largest(form, { url: config.urls.largest, body: () => preview.body() });
const findings = new FindingList(pane.querySelector("[data-findings]"), form, {
  blocks: (id, field) => kinds?.show(id, field),
  mayMend: (finding) => Boolean(kinds?.isBlocks && kinds.mended(finding)),
  mend: (finding) => kinds?.mend(finding),
  blockName: (id) => kinds?.nameOf(id) || "block",
  fieldLabel: (id, name) => kinds?.labelOf(id, name) || "",
  attachment: (at, field) => rows.attachments?.show(at, field),
  option: (platform, name) => rows.options?.show(platform, name),
  contentBlock: (name) => `${config.urls.content_blocks}?q=${encodeURIComponent(name)}`,
});

function mounted(name, mount) {
  const root = form.querySelector(`[data-${name}]`);
  return root ? mount(root, form.elements[name]) : null;
}

// --- what is typed

function forgetSaid(field) {
  const frame = field.closest?.(".tx-field");
  frame?.querySelector(".errorlist")?.remove();
  frame?.classList.remove("tx-wrong");
}

form.addEventListener("input", (event) => {
  forgetSaid(event.target);
  if (event.target.closest("[data-not-previewed]")) return;
  preview.refreshSoon();
  if (["context_sample", "event_type"].includes(event.target.name)) vocabulary.refreshSoon();
});
form.querySelector("[data-render-with]")?.addEventListener("change", () => preview.refresh());
form.elements.event_type?.addEventListener("change", async () => {
  await offerSamples(form, config.urls.samples);
  preview.refresh();
});

preview.addEventListener("answer", ({ detail }) => {
  findings.show(detail.findings);
  kinds?.setFindings(detail.findings);
  if (config.channel === "sms") showSms(form, detail);
  largest?.soon();
  takeRewritten(detail);
});

/** Adobe's expressions become ours while they are typed; a note says so. */
function takeRewritten({ rewritten = {}, not_rewritten: kept = [] }) {
  let count = 0;
  for (const name of Object.keys(rewritten)) {
    const field = fieldOf(name);
    if (!field || field.isReadOnly) continue;
    const plain = fromAdobe(field.text);
    if (plain === field.text) continue;
    field.splice(0, field.text.length, plain);
    count += 1;
  }
  if (count) say("Adobe's <%= … %> is now written as {{ … }}.");
  else if (kept.length) say(`This stays as it was, for it computes something: ${kept.slice(0, 3).join(", ")}`);
}
form.addEventListener("tx:rewritten", () => say("Adobe's <%= … %> was pasted as {{ … }}."));

// --- what is clicked

form.addEventListener("click", (event) => {
  const button = event.target.closest("[data-personalize], [data-personalize-beside]");
  if (!button) return;
  const name = button.dataset.personalize;
  const beside = name ? null : button.closest(".tx-field").querySelector("input, textarea");
  const field = name ? fieldOf(name) : fieldFor(beside);
  if (field) picker.open(field);
});
form.querySelector("[data-insert-image]")?.addEventListener("click", async () => {
  const field = fieldOf("source");
  const isMjml = form.elements.source_kind.value === "mjml";
  const [start, end] = field.selectionOr(isMjml ? /<\/mj-column>|<\/mj-body>/ : /<\/body>/);
  const image = await images.chooseImage();
  if (image) field.splice(start, end, imageMarkup(field.text, start, image));
});

document.addEventListener("click", (event) => {
  const more = form.querySelector(".tx-more[open]");
  if (more && !more.contains(event.target)) more.open = false;
});
const jump = document.querySelector("[data-jump]");
new IntersectionObserver(([seen]) => {
  jump.hidden = seen.isIntersecting;
}).observe(pane);

// --- begin

mountSuggest(form, vocabulary);
mountSample(form, { urls: config.urls, preview, say });
mountLeaving(form);
vocabulary.refresh();
await preview.refresh();
const place = new URLSearchParams(location.hash.slice(1));
if (place.has("part")) {
  findings.jump({ part: place.get("part"), line: Number(place.get("line")) || null, column: Number(place.get("column")) || 1 });
}
form.dataset.ready = "";
