/**
 * Activity: everything that happened, newest first, while it happens.
 *
 * @type {import("../generic.js").Page}
 */
import { get, onEvents, onLive, onReset, withQuery } from "../api.js";
import {
  curlButton,
  emptyState,
  errorState,
  fill,
  firstSentence,
  h,
  newId,
  pageHead,
  plural,
  skeleton,
  timeElement,
} from "../dom.js";
import { flash } from "../table.js";

/** More lines than this are not kept on the page; older ones come with "Show more". */
const MOST_LINES = 500;

const subject = (event, catalogue) => {
  const slice = catalogue.items.find(({ name }) => name === event.slice);
  const isThere = slice?.page_url && !event.type.endsWith(".deleted");
  return isThere
    ? h("a", { href: `${slice.page_url}/${encodeURIComponent(event.subject)}` }, event.subject)
    : h("span", null, event.subject);
};

const line = (catalogue) => (event) =>
  h(
    "li.event",
    { dataset: { id: event.id } },
    h(
      "details",
      null,
      h("summary", null, h("code.type", null, event.type)),
      h("pre.json", { tabindex: "0" }, JSON.stringify(event.data, null, 2)),
    ),
    h("span.subject", null, subject(event, catalogue)),
    h("span.by.muted", null, event.by ? ["by ", h("code", null, event.by)] : null),
    timeElement(event.at),
  );

const select = (label, name, options, chosen, onchange) => {
  const id = newId(name);
  const element = h(
    "select",
    { id, name, value: chosen ?? "", onchange },
    h("option", { value: "" }, "All"),
    options.map((option) => h("option", { value: option }, option)),
  );
  return { element: h("div.filter", null, h("label", { for: id }, label), element), read: () => element.value };
};

const list = (ctx) => {
  const { slice, catalogue, signal } = ctx;
  const makeLine = line(catalogue);
  const lines = h("ol.events", { "aria-label": "Events" });
  const stage = h("div.stage");
  const foot = h("div.list-foot");
  const news = h("div.news", { hidden: true });
  const live = h("p.live", { role: "status" });
  let next = null;
  let held = [];
  let isPaused = false;
  let isCut = false;

  const changed = () => {
    ctx.go(withQuery(location.pathname, query()), { isReplaced: true, isQuiet: true });
    load();
  };
  const bySlice = select(
    "Tool",
    "slice",
    catalogue.items.map(({ name }) => name),
    ctx.url.searchParams.get("slice"),
    changed,
  );
  const byType = select(
    "Event",
    "type",
    catalogue.items.flatMap(({ events }) => events),
    ctx.url.searchParams.get("type"),
    changed,
  );
  const query = () => ({ slice: bySlice.read(), type: byType.read() });
  const isWanted = (event) =>
    (!bySlice.read() || event.slice === bySlice.read()) && (!byType.read() || event.type === byType.read());

  const showFoot = () => {
    // Where lines were dropped the cursor no longer joins on to the last one.
    const more = isCut
      ? h("button", { type: "button", onclick: load }, "Load again")
      : next && h("button", { type: "button", onclick: loadMore }, "Show more");
    fill(
      foot,
      h("p.muted", null, plural(lines.children.length, "event")),
      more,
      curlButton(() => ({ path: withQuery(slice.api_url, query()) })),
    );
  };

  const show = () => {
    if (!lines.children.length) {
      fill(foot);
      return fill(
        stage,
        emptyState({
          title: "Nothing has happened yet",
          text: "Whatever anybody makes, changes or deletes shows up here at once.",
        }),
      );
    }
    if (stage.firstChild !== lines) fill(stage, lines);
    showFoot();
  };

  const load = async () => {
    if (!lines.children.length) fill(stage, skeleton());
    held = [];
    news.hidden = true;
    try {
      const page = await get(withQuery(slice.api_url, query()), signal);
      next = page.next;
      isCut = false;
      fill(lines, page.items.map(makeLine));
      show();
    } catch (error) {
      if (!signal.aborted) fill(stage, errorState(error, load));
    }
  };

  const loadMore = async (event) => {
    event.currentTarget.disabled = true;
    try {
      const page = await get(withQuery(slice.api_url, { ...query(), after: next }), signal);
      next = page.next;
      lines.append(...page.items.map(makeLine));
      showFoot();
    } catch (error) {
      if (!signal.aborted) fill(foot, errorState(error, showFoot));
    }
  };

  const putOnTop = (events) => {
    const fresh = events
      .filter((event) => !lines.querySelector(`[data-id="${event.id}"]`))
      .slice(-MOST_LINES)
      .reverse()
      .map(makeLine);
    lines.prepend(...fresh);
    fresh.slice(0, 20).forEach(flash);
    const tooMany = [...lines.children].slice(MOST_LINES);
    tooMany.forEach((old) => old.remove());
    isCut ||= tooMany.length > 0;
    show();
  };

  const release = () => {
    putOnTop(held);
    held = [];
    news.hidden = true;
  };

  onEvents((events) => {
    const wanted = events.filter(isWanted);
    if (!wanted.length || stage.querySelector(".skeleton, [role=alert]")) return;
    if (!isPaused) return putOnTop(wanted);
    held = [...held, ...wanted].slice(-MOST_LINES);
    news.hidden = false;
    fill(news, h("button", { type: "button", onclick: release }, `${plural(held.length, "new event")} – show`));
  }, signal);
  onReset(load, signal);

  const pause = h(
    "button",
    {
      type: "button",
      "aria-pressed": "false",
      onclick: () => {
        isPaused = !isPaused;
        pause.setAttribute("aria-pressed", String(isPaused));
        if (!isPaused) release();
      },
    },
    "Pause",
  );
  onLive((isLive) => {
    live.classList.toggle("is-live", isLive);
    fill(live, isLive ? "Live" : "Connecting…");
  }, signal);

  load();
  return h(
    "div.page",
    null,
    pageHead({ title: slice.title, text: firstSentence(slice.description), actions: [live, pause] }),
    h("search.filters", { "aria-label": "Filters" }, bySlice.element, byType.element),
    news,
    stage,
    foot,
  );
};

export default { list };
