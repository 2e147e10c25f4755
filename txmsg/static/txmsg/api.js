// The page of the API: one language at a time, remembered; and code that is copied.
const CHOSEN = "txmsg-api-language";
const roots = [...document.querySelectorAll("[data-snippets]")];

function choose(language) {
  for (const root of roots) {
    for (const tab of root.querySelectorAll("[data-snippet]")) {
      tab.setAttribute("aria-pressed", String(tab.dataset.snippet === language));
    }
    for (const panel of root.querySelectorAll("[data-snippet-panel]")) {
      panel.hidden = panel.dataset.snippetPanel !== language;
    }
  }
}

async function copy(button, root) {
  const shown = root.querySelector("[data-snippet-panel]:not([hidden])");
  await navigator.clipboard.writeText(shown.textContent);
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy"), 1500);
}

for (const root of roots) {
  root.addEventListener("click", (event) => {
    const tab = event.target.closest("[data-snippet]");
    if (tab) {
      const before = root.getBoundingClientRect().top;
      choose(tab.dataset.snippet);
      // What stands above may have grown: keep in sight what was clicked.
      window.scrollBy(0, root.getBoundingClientRect().top - before);
      localStorage.setItem(CHOSEN, tab.dataset.snippet);
    }
    const button = event.target.closest("[data-copy]");
    if (button) copy(button, root);
  });
}

const last = localStorage.getItem(CHOSEN);
if (["curl", "python", "javascript"].includes(last)) choose(last);
