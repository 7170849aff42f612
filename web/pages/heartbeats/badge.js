/**
 * A picture of a check's state for other pages, with what to write there.
 */
import { copyButton, h } from "../../dom.js";

const inMarkdown = (text) => text.replaceAll(/[[\]\\]/g, "\\$&");
const inHtml = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");

/** @param {any} check */
export const badgeCard = ({ name, badge_url: url }) => {
  // From here, whatever name the server goes by: the page may load from no other.
  const image = h("img", { src: new URL(url).pathname, alt: `Badge of ${name}`, onerror: () => image.remove() });
  return h(
    "section.card.badge-card",
    { "aria-label": "Badge" },
    h("h2", null, "Badge"),
    h("p.muted", null, "A picture of its state, for everybody who has its address."),
    image,
    h(
      "div.actions",
      null,
      copyButton(`![${inMarkdown(name)}](${url})`, "Copy badge as Markdown", "Markdown"),
      copyButton(`<img src="${inHtml(url)}" alt="${inHtml(name)}" />`, "Copy badge as HTML", "HTML"),
      copyButton(url, "Copy address of the badge", "Address"),
    ),
  );
};
