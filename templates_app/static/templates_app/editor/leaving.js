/** What is typed is not lost: the mark “Not saved”, and a question before leaving. */

export function mountLeaving(form) {
  const unsaved = form.querySelector(".tx-unsaved");
  let isDirty = form.querySelector(".tx-wrong, [name=_overwrite]") !== null;
  unsaved.hidden = !isDirty;
  const changed = (event) => {
    if (event.target.closest("[data-not-saved]")) return;
    isDirty = true;
    unsaved.hidden = false;
  };
  form.addEventListener("input", changed);
  form.addEventListener("submit", () => {
    isDirty = false;
  });
  window.addEventListener("beforeunload", (event) => {
    if (isDirty) event.preventDefault();
  });
  const dialog = document.getElementById("txe-leave");
  for (const tab of form.querySelectorAll("[data-language-tab]")) {
    tab.addEventListener("click", (event) => {
      if (!isDirty || !dialog || event.metaKey || event.ctrlKey) return;
      event.preventDefault();
      dialog.querySelector("[value=save]").dataset.language = tab.dataset.languageTab;
      dialog.querySelector("[value=drop]").dataset.href = tab.href;
      dialog.returnValue = "";
      dialog.showModal();
    });
  }
  dialog?.addEventListener("close", () => {
    if (dialog.returnValue === "save") {
      const wanted = document.createElement("input");
      Object.assign(wanted, { type: "hidden", name: "_language", value: dialog.querySelector("[value=save]").dataset.language });
      form.append(wanted);
      form.requestSubmit(form.querySelector("button[name=_next][value=change]"));
    } else if (dialog.returnValue === "drop") {
      isDirty = false;
      location.assign(dialog.querySelector("[value=drop]").dataset.href);
    }
  });
}
