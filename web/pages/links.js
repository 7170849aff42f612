/**
 * Short links: a field to paste a URL into, the short URL to copy, QR codes, and visits that are counted while one looks.
 *
 * @type {import("../generic.js").Page}
 */
import { copyButton, fill, formatNumber, h, icon, newId } from "../dom.js";
import { badge, urlElement } from "../table.js";

const qrPath = (slug, options) => `/${encodeURIComponent(slug)}/qr?${new URLSearchParams(options)}`;

/** The short URL without its scheme. */
const shortUrl = (link) => h("strong", null, link.short_url.replace(/^https?:\/\//, ""));

const targetCell = (link) =>
  h("span.stacked", null, link.title && h("span.clip", { title: link.title }, link.title), urlElement(link.url));

/** Depends on the time of day, so the API does not keep it. */
const stateOf = (link, now = Date.now()) => {
  if (link.starts_at && Date.parse(link.starts_at) > now) return "upcoming";
  const isOver = link.expires_at && Date.parse(link.expires_at) <= now;
  const isUsedUp = link.max_visits && link.visit_count >= link.max_visits;
  return isOver || isUsedUp ? "expired" : "active";
};

const stateCell = (link) => badge(link.state ?? stateOf(link));

const visitCell = (link) => {
  const limit = link.max_visits ? ` of ${formatNumber(link.max_visits)}` : "";
  return h("span.number", null, formatNumber(link.visit_count), limit);
};

const copyBeside = (link) => copyButton(link.short_url, `Copy ${link.short_url}`);

const created = (link) =>
  h(
    "div.created-link",
    null,
    h("a.short-url", { href: link.short_url, target: "_blank", rel: "noopener" }, link.short_url),
    h(
      "div.actions",
      null,
      copyButton(link.short_url, "Copy", "Copy"),
      h("a.button", { href: `/app/links/${encodeURIComponent(link.slug)}` }, "QR code and details"),
      h(
        "button.quiet",
        { type: "button", onclick: (event) => event.currentTarget.closest(".created").replaceChildren() },
        "Done",
      ),
    ),
    h("p.muted", null, "leads to ", urlElement(link.url)),
  );

// ---- QR code -------------------------------------------------------------

const SIZES = [256, 512, 1024, 2000];

const labelled = (label, control) => {
  const id = newId("qr");
  control.id = id;
  return h("div.field", null, h("label", { for: id }, label), control);
};

const options = (values, chosen) =>
  values.map(([value, text]) => h("option", { value, selected: value === chosen }, text));

const qrCard = (link) => {
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

const tools = (link) => [
  copyButton(link.short_url, "Copy short URL", "Copy short URL"),
  h("a.button", { href: link.short_url, target: "_blank", rel: "noopener" }, icon("external"), "Open"),
];

const ORIGIN_CELLS = {
  is_bot: (visit) => (visit.is_bot ? badge("bot") : h("span.none", null, h("span.visually-hidden", null, "person"))),
};

export default {
  columns: ["slug", "url", "state", "visit_count", "tags", "created_at"],
  first: ["slug", "short_url", "url", "state", "visit_count"],
  derived: ["state"],
  cells: { short_url: shortUrl, state: stateCell, visit_count: visitCell },
  listCells: { slug: (link) => link.slug, url: targetCell },
  beside: copyBeside,
  quick: { primary: "url", submit: "Shorten", foldLabel: "Own slug, tags, limits…" },
  created,
  tools,
  aside: qrCard,
  subLists: {
    visits: { columns: ["at", "referrer", "browser", "os", "device", "language", "is_bot"], cells: ORIGIN_CELLS },
  },
};
