/** New blocks, and the example that an empty email can start from. */

import { freshId } from "./model.js";
import { emptyColumns } from "./lists.js";
import { collectionsOf, nodeAt, productFields, singular } from "./vocabulary.js";

/** Return a new block of a kind: its defaults are left to the server. */
export function newBlock(document, kind) {
  const block = { id: freshId(document), kind };
  if (kind === "columns") block.columns = emptyColumns();
  if (kind === "social") block.links = [{ network: "", link: "" }];
  return block;
}

/** Return the blocks of the example, speaking only of what the vocabulary has. */
export function exampleBlocks(document, vocabulary) {
  const name = ["recipient.name", "ctx.user.name", "ctx.name", "ctx.first_name"].find((path) => nodeAt(vocabulary, path));
  const greeting = name ? `Hello {{ ${name} | default: "there" }},` : "Hello,";
  const blocks = [
    { kind: "heading", text: "Thank you for your order", level: 1, align: "left" },
    { kind: "text", text: `<p>${greeting}</p>\n<p>here is <strong>what happens next</strong>. Replace these words with your own.</p>` },
  ];
  const lists = collectionsOf(vocabulary).flatMap(({ options }) => options);
  if (lists.length) {
    const { path } = lists[0];
    const as = singular(path);
    const fields = productFields(vocabulary, { itemName: as, collectionPath: path });
    if (fields.title) blocks.push({ kind: "products", path, as, ...fields });
  }
  blocks.push(
    { kind: "button", text: "See the details", link: "https://example.com/" },
    { kind: "divider" },
    { kind: "footer", text: "You receive this because of something you did with us. Write your company's name and address here." },
  );
  const taken = new Set();
  return blocks.map((block) => {
    const id = freshId(document, taken);
    taken.add(id);
    return { id, ...block };
  });
}
