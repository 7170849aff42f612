/**
 * The search of everything: a dialog with one field, what every tool finds below it, and the pages to go to.
 * The focus stays in the field; the arrows choose, Enter goes.
 *
 * @typedef {{ href: string, text: string }} Place
 * @typedef {{ title: string, detail: string, key: string | null, page_url: string | null }} Hit
 * @typedef {{ slice: string, title: string, items: Hit[], has_more: boolean, failure: "timeout" | "error" | null }} Group
 */
import { get, withQuery } from "./api.js";
import { errorState, fill, h, icon, newId, openDialog, plural } from "./dom.js";

/** So long nobody types on; then the server is asked. */
const PAUSE_MS = 150;

const isWithin = (text, words) => words.toLowerCase().includes(text.toLowerCase());

const option = (href, title, detail) =>
  h(
    `${href ? "a" : "div"}.option`,
    {
      id: newId("option"),
      role: "option",
      href,
      tabindex: href && "-1",
      "aria-selected": "false",
      "aria-disabled": !href,
    },
    h("span.option-title", null, title),
    detail && h("span.option-detail.muted", null, detail),
  );

const optionGroup = (title, options) =>
  h("div.option-group", { role: "group", "aria-label": title }, h("h3", { "aria-hidden": "true" }, title), options);

const placesGroup = (places, text) => {
  const fitting = places.filter((place) => isWithin(text, place.text));
  return fitting.length
    ? optionGroup(
        "Go to",
        fitting.map((place) => option(place.href, place.text)),
      )
    : null;
};

const moreOption = ({ title }, text, listUrl) => {
  const element = option(withQuery(listUrl, { search: text }), `More in ${title}…`);
  element.classList.add("more");
  return element;
};

/** @param {Group} group @param {string} text @param {string | undefined} listUrl where there is more of it */
const hitsGroup = (group, text, listUrl) =>
  optionGroup(
    group.title,
    [
      ...group.items.map((hit) => option(hit.page_url, hit.title, hit.detail)),
      group.has_more && listUrl && moreOption(group, text, listUrl),
    ].filter(Boolean),
  );

/** @param {Group} group */
const faultLine = ({ title, failure }) =>
  h("p.fault", null, failure === "timeout" ? `${title} took too long to answer.` : `${title} could not be searched.`);

/** @param {string} text @param {string[]} titles of the tools that were asked */
const nothingFound = (text, titles) =>
  titles.length
    ? `Nothing found for “${text}” in ${titles.join(", ")}.`
    : "Your key may read no tool that can be searched.";

/**
 * @param {{ places: Place[], slices: import("./api.js").Slice[] }} options places: the pages one can go to
 */
export const openSearch = ({ places, slices }) => {
  const leaving = new AbortController();
  const list = h("div.options", { id: newId("options"), role: "listbox", "aria-label": "Results", hidden: true });
  const status = h("p.muted", { role: "status" });
  const rest = h("div.search-rest");
  let asking = null;
  let timer = null;
  let active = null;
  let isWaiting = false;
  let goesWhenThere = false;

  const options = () => [...list.querySelectorAll("a.option")];

  const choose = (next) => {
    active?.setAttribute("aria-selected", "false");
    active = next ?? null;
    active?.setAttribute("aria-selected", "true");
    active?.scrollIntoView({ block: "nearest" });
    if (active) input.setAttribute("aria-activedescendant", active.id);
    else input.removeAttribute("aria-activedescendant");
  };

  const show = (groups) => {
    fill(list, groups);
    list.hidden = !list.children.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
    choose(options()[0]);
  };

  const setWaiting = (next) => {
    isWaiting = next;
    list.setAttribute("aria-busy", String(next));
  };

  const showAnswer = (text, { groups, searched }) => {
    const listUrl = (name) => slices.find((slice) => slice.name === name)?.page_url;
    const full = groups.filter((group) => group.items.length);
    const failed = groups.filter((group) => group.failure);
    const pages = placesGroup(places, text);
    show([pages, full.map((group) => hitsGroup(group, text, listUrl(group.slice)))]);
    const titles = searched.map((name) => slices.find((slice) => slice.name === name)?.title ?? name);
    const count = list.querySelectorAll(".option:not(.more)").length;
    const none = failed.length ? "Nothing else was found." : nothingFound(text, titles);
    fill(status, count ? plural(count, "result") : none);
    fill(rest, failed.map(faultLine));
    if (goesWhenThere) active?.click();
    goesWhenThere = false;
  };

  const ask = async () => {
    const text = input.value.trim();
    asking?.abort();
    asking = new AbortController();
    const own = AbortSignal.any([asking.signal, leaving.signal]);
    try {
      const answer = await get(withQuery("/api/search", { q: text }), own);
      if (own.aborted) return;
      setWaiting(false);
      showAnswer(text, answer);
    } catch (error) {
      if (own.aborted) return;
      setWaiting(false);
      show([placesGroup(places, text)]);
      fill(status);
      fill(rest, errorState(error, ask));
    }
  };

  const changed = () => {
    clearTimeout(timer);
    asking?.abort();
    goesWhenThere = false;
    if (input.value.trim()) {
      setWaiting(true);
      timer = setTimeout(ask, PAUSE_MS);
      return;
    }
    setWaiting(false);
    show([placesGroup(places, "")]);
    fill(status);
    fill(rest);
  };

  const move = (step) => {
    const all = options();
    choose(all[(all.indexOf(active) + step + all.length) % all.length]);
  };

  const enter = () => {
    // What is shown still belongs to what was typed before.
    if (isWaiting) goesWhenThere = true;
    else active?.click();
  };

  const KEYS = { ArrowDown: () => move(1), ArrowUp: () => move(-1), Enter: enter };
  const onkeydown = (event) => {
    const run = KEYS[event.key];
    if (!run || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    run();
  };

  const input = h("input", {
    type: "text",
    role: "combobox",
    "aria-label": "Search everything",
    "aria-expanded": "false",
    "aria-controls": list.id,
    "aria-autocomplete": "list",
    placeholder: "Search everything",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    maxlength: "200",
    enterkeyhint: "go",
    autofocus: true,
    oninput: changed,
    onkeydown,
  });

  const close = openDialog({
    title: "Search",
    isWide: true,
    content: h("div.search-all", null, h("div.search-box", null, icon("search"), input), list, status, rest),
    onClose: () => {
      clearTimeout(timer);
      leaving.abort();
    },
  });
  list.addEventListener("click", (event) => event.target.closest("a") && !event.ctrlKey && !event.metaKey && close());
  changed();
};
