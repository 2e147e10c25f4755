// unfold writes the name of a chosen file into a text field nearby: not on these pages.

document.addEventListener(
  "change",
  (event) => {
    if (event.target.matches("input[type=file]")) event.stopPropagation();
  },
  true,
);
