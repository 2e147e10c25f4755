// Choosing and uploading images, for the editors of a message's content.

/** Reads the token that Django asks of every POST. */
const token = () => document.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "";

/**
 * Uploads an image.
 * @param {string} address where the choices are asked for
 * @param {File} file
 * @returns {Promise<{url: string, width: number, height: number, name: string}>}
 * @throws {Error} with the reason in words
 */
export async function uploadImage(address, file) {
  const body = new FormData();
  body.set("file", file);
  const response = await fetch(address, {
    method: "POST",
    body,
    headers: { "X-CSRFToken": token(), Accept: "application/json" },
  });
  const isJson = response.headers.get("content-type")?.includes("json");
  const answer = isJson ? await response.json() : {};
  if (!response.ok) throw new Error(answer.error || `The upload failed (${response.status}).`);
  return answer.image;
}

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function card(image, choose) {
  const picture = element("img", { src: image.path, alt: "", loading: "lazy" });
  const words = element("span", { textContent: image.name });
  const size = element("small", { textContent: `${image.width} × ${image.height}` });
  const button = element("button", { type: "button", className: "tx-image-choice" });
  button.append(picture, words, size);
  button.addEventListener("click", () => choose(image));
  return button;
}

/** Asks what an image says, for those who do not see it. */
function altForm(image, give, cancel) {
  const input = element("input", { type: "text", name: "alt", autocomplete: "off" });
  const words = element("span", { textContent: "What does it show? (alternative text)" });
  const help = element("p", {
    className: "tx-help",
    textContent: "Read aloud, and shown where images are off. Empty for mere decoration.",
  });
  const insert = element("button", { className: "tx-button tx-primary", textContent: "Insert image" });
  const back = element("button", { type: "button", className: "tx-button", textContent: "Cancel" });
  back.addEventListener("click", cancel);
  const form = element(
    "form",
    {},
    element("img", { className: "tx-image-chosen", src: image.path || image.url, alt: "" }),
    element("label", { className: "tx-field" }, words, input),
    help,
    element("div", { className: "tx-actions" }, insert, back),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    give(input.value.trim());
  });
  return form;
}

/**
 * Lets somebody choose an image, or upload one.
 * @param {string} address where the choices are asked for
 * @returns {Promise<{url: string, alt: string, width: number, height: number} | null>}
 */
export function chooseImage(address) {
  const opener = document.activeElement;
  const dialog = element("dialog", { className: "tx-dialog tx-form" });
  dialog.setAttribute("aria-labelledby", "tx-image-title");
  const list = element("div", { className: "tx-image-choices" });
  const problem = element("p", { className: "tx-problem" });
  problem.setAttribute("role", "status");
  const file = element("input", {
    type: "file",
    hasChangeListener: true, // else unfold writes the file's name into a text field nearby
    accept: "image/png,image/jpeg,image/gif,image/webp",
  });
  const upload = element("label", { className: "tx-field" }, "Upload an image", file);
  const close = element("button", { type: "button", className: "tx-button", textContent: "Cancel" });
  const title = element("h2", { id: "tx-image-title", textContent: "Choose an image" });
  dialog.append(title, upload, problem, list, element("div", { className: "tx-actions" }, close));
  document.body.append(dialog);

  return new Promise((resolve) => {
    let chosen = null;
    const choose = (image) => {
      const give = (alt) => {
        chosen = { url: image.url, alt, width: image.width, height: image.height };
        dialog.close();
      };
      dialog.replaceChildren(title, altForm(image, give, () => dialog.close()));
      dialog.querySelector("[name=alt]").focus();
    };
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => {
      dialog.remove();
      opener?.focus?.();
      resolve(chosen);
    });
    file.addEventListener("change", async () => {
      problem.textContent = "Uploading…";
      try {
        choose(await uploadImage(address, file.files[0]));
      } catch (error) {
        problem.textContent = error.message;
      }
    });
    dialog.showModal();
    fetch(address, { headers: { Accept: "application/json" } })
      .then((response) => response.json())
      .then(({ images }) => {
        list.replaceChildren(...images.map((image) => card(image, choose)));
        if (!images.length) problem.textContent = "No image has been uploaded yet.";
      })
      .catch(() => {
        problem.textContent = "The images could not be loaded. Try again.";
      });
  });
}
