/**
 * The QR code of a link: how it looks is chosen here, and downloaded as it is seen.
 */
import { fill, formatNumber, h, newId } from "../../dom.js";

const SIZES = [256, 512, 1024, 2000];
const MARGINS = [
  ["0", "None"],
  ["2", "Narrow"],
  ["4", "Usual"],
  ["8", "Wide"],
];

const qrPath = (slug, style) => `/${encodeURIComponent(slug)}/qr?${new URLSearchParams(style)}`;

const labelled = (label, control) => {
  const id = newId("qr");
  control.id = id;
  return h("div.field", null, h("label", { for: id }, label), control);
};

const options = (values, chosen) =>
  values.map(([value, text]) => h("option", { value, selected: value === chosen }, text));

/** @param {{ slug: string, short_url: string }} link */
export const qrCard = (link) => {
  const format = h(
    "select",
    null,
    options(
      [
        ["svg", "SVG"],
        ["png", "PNG"],
      ],
      "svg",
    ),
  );
  const size = h(
    "select",
    null,
    options(
      SIZES.map((each) => [String(each), `${formatNumber(each)} px`]),
      "512",
    ),
  );
  const correction = h(
    "select",
    null,
    options(
      [
        ["L", "Low"],
        ["M", "Medium"],
        ["Q", "High"],
        ["H", "Highest"],
      ],
      "M",
    ),
  );
  const margin = h("select", null, options(MARGINS, "4"));
  const color = h("input", { type: "color", value: "#000000" });
  const background = h("input", { type: "color", value: "#ffffff" });
  const image = h("img", { alt: `QR code of ${link.short_url}`, width: "200", height: "200" });
  let latest = null;
  const warning = h("p.fault", { role: "status" });
  const download = h("a.button.primary", { download: "" }, "Download");

  /** Only a picture that could be drawn takes the place of the last one. */
  const show = () => {
    const path = qrPath(link.slug, {
      format: format.value,
      size: size.value,
      margin: margin.value,
      error_correction: correction.value,
      color: color.value,
      background: background.value,
    });
    download.href = path;
    download.download = `${link.slug}.${format.value}`;
    download.hidden = false;
    const attempt = new Image();
    latest = attempt;
    attempt.onload = () => {
      if (latest !== attempt) return;
      image.src = path;
      fill(warning);
    };
    attempt.onerror = () => {
      if (latest !== attempt) return;
      download.hidden = true;
      fill(warning, "No scanner could read this. Choose a dark colour on a light background.");
    };
    attempt.src = path;
  };

  const form = h(
    "div.fields.two",
    { onchange: show },
    labelled("Format", format),
    labelled("Size", size),
    labelled("Colour", color),
    labelled("Background", background),
    labelled("Margin", margin),
    labelled("Error correction", correction),
  );
  show();
  return h(
    "section.card.qr",
    { "aria-label": "QR code" },
    h("div.qr-image", null, image),
    h("div", null, h("h2", null, "QR code"), form, warning, h("div.actions", null, download)),
  );
};
