/** The page of a content block: its two texts have the picker and the completion, too. */

import { InputField, fieldOf, register } from "./fields.js";
import { Picker } from "./picker.js";
import { mountSuggest } from "./suggest.js";
import { Vocabulary } from "./words.js";

const form = document.getElementById("block-form");
const vocabulary = new Vocabulary(form, form.dataset.vocabulary);
const picker = new Picker(vocabulary);

for (const element of form.querySelectorAll("textarea[data-text]")) register(new InputField(element));
form.addEventListener("click", ({ target }) => {
  const field = fieldOf(target.closest("[data-personalize]")?.dataset.personalize);
  if (field) picker.open(field);
});
form.elements.event_type?.addEventListener("change", () => vocabulary.refresh());
mountSuggest(form, vocabulary);
await vocabulary.refresh();
form.dataset.ready = "";
