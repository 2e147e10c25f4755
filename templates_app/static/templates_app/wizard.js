// The wizard: shows only the templates that have the words searched for.
const search = document.querySelector("[data-search]");
const none = document.querySelector("[data-none]");

search?.addEventListener("input", () => {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const card of document.querySelectorAll(".tx-thumbnail")) {
    const text = card.dataset.words.toLowerCase();
    card.hidden = !words.every((word) => text.includes(word));
    if (!card.hidden) shown += 1;
  }
  none.hidden = shown > 0;
});

// Enter in the search field would send the form.
search?.addEventListener("keydown", (event) => {
  if (event.key === "Enter") event.preventDefault();
});
