/**
 * Fields that are lists or objects, over hidden JSON: the attachments of an email, the
 * options of a push message.
 */

import { el } from "../blocks/dom.js";

const read = (area, empty) => {
  try {
    return JSON.parse(area.value || "null") ?? empty;
  } catch {
    return null; // not ours to mend: the text itself is shown
  }
};

function write(area, value) {
  const isEmpty = Array.isArray(value) ? value.length === 0 : Object.keys(value).length === 0;
  area.value = isEmpty ? "" : JSON.stringify(value, null, 2);
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

let number = 0;

function labelled(label, control, { help = "", pick = null } = {}) {
  number += 1;
  control.id ||= `txe-row-${number}`;
  const head = el("div", { class: "txe-label" }, el("label", { for: control.id, text: label }), pick);
  return el("div", { class: "tx-field" }, head, control, help ? el("p", { class: "tx-help", text: help }) : null);
}

function pickButton(area) {
  if (area.disabled) return null;
  return el("button", { type: "button", class: "txe-pick", "data-personalize-beside": "", title: "Personalize", "aria-label": "Personalize" }, el("span", { class: "material-symbols-outlined", "aria-hidden": "true", text: "data_object" }), "Personalize");
}

const TEXTS = { url: "Address of the file", name: "File name" };

/** Rows of attachments; returns {show(n, field)} or null when the JSON cannot be read. */
export function mountAttachments(root, area) {
  const start = read(area, []);
  if (!Array.isArray(start)) return null;
  area.closest("[data-raw]").hidden = true;
  let rows = start;
  const list = el("div", { class: "txe-rows" });
  const add = el("button", {
    type: "button",
    class: "tx-button",
    text: "Add attachment",
    props: { disabled: area.disabled },
    on: {
      click: () => {
        rows = [...rows, { url: "", name: "", when_missing: "fail" }];
        draw();
        list.querySelector(".txe-row:last-child input")?.focus();
      },
    },
  });
  const change = (at, values) => {
    rows = rows.map((row, each) => (each === at ? { ...row, ...values } : row));
    write(area, rows);
  };
  const draw = () => {
    list.replaceChildren(
      ...rows.map((row, at) => {
        const texts = Object.entries(TEXTS).map(([name, label]) => {
          const input = el("input", { type: "text", "data-text": `attachments/${at}/${name}`, props: { value: row[name] || "", disabled: area.disabled }, on: { input: (event) => change(at, { [name]: event.target.value }) } });
          return labelled(label, input, { pick: pickButton(area), help: name === "url" ? "Such as {{ ctx.invoice.url }}, or a fixed https address." : "" });
        });
        const missing = el("select", { props: { disabled: area.disabled }, on: { change: (event) => change(at, { when_missing: event.target.value }) } }, el("option", { value: "fail", text: "Do not send the email" }), el("option", { value: "skip", text: "Send it without the file" }));
        missing.value = row.when_missing || "fail";
        const remove = el("button", {
          type: "button",
          class: "tx-button",
          text: "Remove",
          "aria-label": `Remove attachment ${at + 1}`,
          props: { disabled: area.disabled },
          on: {
            click: () => {
              rows = rows.filter((_, each) => each !== at);
              write(area, rows);
              draw();
              add.focus();
            },
          },
        });
        return el("div", { class: "txe-row", role: "group", "aria-label": `Attachment ${at + 1}` }, ...texts, labelled("If it cannot be fetched", missing), remove);
      }),
    );
  };
  draw();
  root.append(list, add);
  return { show: (at, field) => list.children[at]?.querySelector(field === "name" ? "input[data-text$=name]" : "input")?.focus() };
}

const PLATFORMS = [
  ["ios", "iPhone and iPad", [
    ["subtitle", "Subtitle", "text", "A line under the title."],
    ["sound", "Sound", "text", "Empty: none; default: the phone's own."],
    ["badge", "Number on the icon", "text", "0 takes it away."],
    ["thread_id", "Group", "text", "Messages of one group are stacked."],
    ["interruption_level", "Interrupts", ["", "passive", "active", "time-sensitive", "critical"], ""],
  ]],
  ["android", "Android", [
    ["channel_id", "Notification channel", "text", "As your app calls it."],
    ["sound", "Sound", "text", ""],
    ["color", "Colour of the icon", "text", "Such as #0f6d57."],
    ["priority", "Priority", ["", "normal", "high"], ""],
    ["tag", "Tag", "text", "A later message with this tag replaces this one."],
  ]],
];

/** Fields per platform; returns {show(platform, name)} or null. */
export function mountOptions(root, area) {
  let options = read(area, {});
  if (options === null || typeof options !== "object" || Array.isArray(options)) return null;
  area.closest("[data-raw]").hidden = true;
  const change = (platform, name, value) => {
    const { [name]: _, ...others } = options[platform] || {};
    const own = value === "" ? others : { ...others, [name]: value };
    const { [platform]: __, ...rest } = options;
    options = Object.keys(own).length ? { ...rest, [platform]: own } : rest;
    write(area, options);
  };
  for (const [platform, label, fields] of PLATFORMS) {
    const controls = fields.map(([name, words, kind, help]) => {
      const value = options[platform]?.[name] ?? "";
      const listen = { input: (event) => change(platform, name, event.target.value) };
      if (Array.isArray(kind)) {
        const select = el("select", { "data-option": `${platform}/${name}`, props: { disabled: area.disabled }, on: { change: listen.input } }, kind.map((each) => el("option", { value: each, text: each || "As the phone decides" })));
        select.value = value;
        return labelled(words, select, { help });
      }
      const input = el("input", { type: "text", "data-option": `${platform}/${name}`, "data-text": `options/${platform}/${name}`, props: { value: String(value), disabled: area.disabled }, on: listen });
      return labelled(words, input, { help, pick: pickButton(area) });
    });
    root.append(el("fieldset", { class: "txe-platform" }, el("legend", { text: label }), el("div", { class: "tx-grid txe-options" }, controls)));
  }
  return { show: (platform, name) => root.querySelector(`[data-option="${platform}/${name}"]`)?.focus() };
}
