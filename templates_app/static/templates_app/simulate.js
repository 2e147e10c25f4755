// Simulate: how a rendered message is shown; what was chosen stays for the next sample.

const KEPT = "tx-simulate";
const DESKTOP = 680; // the narrowest window that counts as a desktop's
const PHONE = 390;

document.documentElement.classList.add("js");

function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT)) || {};
  } catch {
    return {}; // storage is closed to us, or holds what we did not write
  }
}

function keep(state) {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(state));
  } catch {
    // Then the next sample begins as this one did.
  }
}

// --- what is chosen takes effect at once

for (const form of document.querySelectorAll("[data-chooser]")) {
  form.addEventListener("change", () => form.requestSubmit());
  form.addEventListener("formdata", (event) => {
    if (event.formData.get("language") === "") event.formData.delete("language");
  });
}

// --- failing samples only

const only = document.querySelector("[data-only-failing]");
only?.addEventListener("change", () => {
  document.querySelector("[data-cards]").toggleAttribute("data-only", only.checked);
});

// --- one email

const stage = document.querySelector("[data-scene]");

function scene() {
  const tools = document.querySelector("[data-tools]");
  const frame = stage.querySelector("[data-frame]");
  const source = stage.querySelector("[data-source]");
  const zoom = tools.querySelector("[data-zoom]");
  const view = stage.clientWidth < PHONE + 100 ? "phone" : "desktop";
  const state = { view, dark: false, noimages: false, zoom: "fit", ...kept() };
  const address = new URL(frame.dataset.frame, location.href);
  let isLoaded = false;
  frame.addEventListener("load", () => {
    isLoaded ||= frame.hasAttribute("src");
  });

  function fit() {
    const size = tools.querySelector("[data-width]");
    size.textContent = "";
    if (state.view !== "desktop" && state.view !== "phone") return;
    const room = stage.clientWidth;
    const isPhone = state.view === "phone";
    const asked = Number(state.zoom);
    const width = isPhone ? PHONE : Math.max(DESKTOP, asked ? room / asked : room);
    const scale = asked || Math.min(1, room / width);
    frame.style.width = `${width}px`;
    frame.style.height = `${stage.clientHeight / scale}px`;
    frame.style.transform = `scale(${scale})`;
    // A scaled frame keeps the room of its full size: taken back here.
    frame.style.marginRight = `${width * (scale - 1)}px`;
    frame.style.marginBottom = `${(stage.clientHeight / scale) * (scale - 1)}px`;
    frame.style.marginLeft = `${Math.max(0, (room - width * scale) / 2)}px`;
    const percent = Math.round(scale * 100);
    size.textContent = `${Math.round(width)} px at ${percent} %`;
  }

  function load() {
    const wanted = new URL(address);
    if (state.dark) wanted.searchParams.set("dark", "1");
    if (state.noimages) wanted.searchParams.set("images", "0");
    // By its src, a later one would be a step for the browser's Back.
    if (isLoaded) frame.contentWindow.location.replace(wanted);
    else frame.src = wanted;
  }

  async function loadSource() {
    if (source.dataset.isThere) return;
    source.dataset.isThere = "yes";
    const response = await fetch(source.dataset.source);
    source.textContent = response.ok ? await response.text() : `No answer (${response.status})`;
  }

  function show() {
    stage.dataset.view = state.view;
    stage.toggleAttribute("data-dark", state.dark);
    for (const button of tools.querySelectorAll("[data-show]")) {
      button.setAttribute("aria-pressed", String(button.dataset.show === state.view));
    }
    for (const button of tools.querySelectorAll("[data-toggle]")) {
      button.setAttribute("aria-pressed", String(state[button.dataset.toggle]));
    }
    zoom.value = state.zoom;
    if (state.view === "source") loadSource();
    fit();
    keep(state);
  }

  tools.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.show) state.view = button.dataset.show;
    if (button.dataset.toggle) {
      state[button.dataset.toggle] = !state[button.dataset.toggle];
      load();
    }
    show();
  });
  zoom.addEventListener("change", () => {
    state.zoom = zoom.value;
    show();
  });

  tools.hidden = false;
  load();
  show();
  new ResizeObserver(fit).observe(stage);
}

if (stage) scene();
