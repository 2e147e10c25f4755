/** The two lock screens of a push message: what of it a phone shows before it is opened. */

/** Show what the last answer says; `options` is the rendered JSON of the platforms. */
export function showPush(pane, { parts, push_bytes: bytes = 0 }) {
  const options = JSON.parse(parts.options || "{}");
  for (const card of pane.querySelectorAll("[data-lock]")) {
    const own = options[card.dataset.lock] || {};
    put(card, "title", parts.title);
    put(card, "subtitle", own.subtitle);
    put(card, "body", parts.body);
    const image = card.querySelector("[data-image]");
    if (image) image.hidden = !parts.image;
    if (own.color) card.style.setProperty("--tx-lock-color", own.color);
    else card.style.removeProperty("--tx-lock-color");
    sayCut(card);
  }
  const room = 4096;
  pane.querySelector("[data-push-bytes]").textContent = `${bytes.toLocaleString("en")} of ${room.toLocaleString("en")} bytes`;
  pane.querySelector("meter").value = bytes;
  pane.querySelector("[data-data]").textContent = parts.data === "{}" ? "" : parts.data;
}

function put(card, name, text) {
  const line = card.querySelector(`[data-${name}]`);
  if (!line) return;
  line.textContent = text || "";
  line.hidden = !text;
}

/** Say which lines the phone cuts: what is hidden on the card is hidden there. */
function sayCut(card) {
  const isCut = (line) => line && !line.hidden && (line.scrollHeight > line.clientHeight + 1 || line.scrollWidth > line.clientWidth + 1);
  const cut = [...card.querySelectorAll("[data-cut]")].filter(isCut).map((line) => line.dataset.cut);
  const words = card.nextElementSibling;
  words.hidden = cut.length === 0;
  words.textContent = `Cut here: ${cut.join(" and ")}. The rest shows when it is opened.`;
}
