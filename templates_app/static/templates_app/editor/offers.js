/** The samples on offer, which follow the event type that is chosen. */

const PARTS = { "[data-render-with]": "groups", "[data-take]": "takeable" };

/** Offer the samples of the chosen type; returns once the lists have changed. */
export async function offerSamples(form, address) {
  const asked = new URL(address, location.href);
  asked.searchParams.set("event_type", form.elements.event_type.value);
  let offered;
  try {
    const response = await fetch(asked);
    if (!response.ok) return;
    offered = await response.json();
  } catch {
    return; // the preview says that the server is away
  }
  for (const [selector, name] of Object.entries(PARTS)) {
    const select = form.querySelector(selector);
    if (select) fill(select, offered[name]);
  }
  const take = form.querySelector("[data-take-from]");
  if (take) take.hidden = offered.takeable.length === 0;
}

function fill(select, groups) {
  const { value } = select;
  for (const group of select.querySelectorAll("optgroup")) group.remove();
  for (const [label, choices] of groups) {
    const group = document.createElement("optgroup");
    group.label = label;
    group.append(...choices.map(([key, words]) => new Option(words, key)));
    select.append(group);
  }
  const isThere = [...select.options].some((option) => option.value === value);
  select.value = isThere ? value : select.options[0]?.value || "";
}
