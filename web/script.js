/**
 * Starts the page: session, navigation, routes and keys. What a view needs beyond that is loaded when it is first shown.
 */
import {
  closeStream,
  currentSession,
  get,
  getCatalogue,
  getOpenapi,
  hasScope,
  onEvents,
  onSignedOut,
  openStream,
  restoreSession,
  signIn,
  signOut,
  withQuery,
} from "./api.js";
import {
  announce,
  codeSpans,
  errorState,
  emptyState,
  fill,
  firstSentence,
  h,
  icon,
  logo,
  openDialog,
  pageHead,
  skeleton,
  timeElement,
  toast,
} from "./dom.js";

const main = document.getElementById("main");
const side = document.getElementById("side");
const bottomBar = document.getElementById("bottom-bar");

/** @type {{ name: string, version: string, items: import("./api.js").Slice[] } | null} */
let catalogue = null;
let leaving = new AbortController();
let shownPath = location.pathname + location.search;

/** The report cards have a page at the root, beside the API docs, for those who build slices. */
const CARDS = "slices";

/** What a page is called that shows but a part of its slice. */
const PAGE_NAMES = { platform: "Metrics" };
const pageTitle = (slice) => PAGE_NAMES[slice?.name] ?? slice?.title ?? "Not found";

const slicesWithPage = () => (catalogue?.items ?? []).filter((slice) => slice.page_url && slice.name !== CARDS);
const findSlice = (name) => catalogue?.items.find((slice) => slice.name === name);

// ---- navigation ----------------------------------------------------------

/**
 * Each place in the navigation has a letter: the first of its name that nobody else has.
 * @param {{ name: string }[]} slices
 * @returns {Map<string, string>} name to letter
 */
const lettersOf = (slices) =>
  slices.reduce(
    (letters, { name }) => {
      const taken = new Set(letters.values());
      const letter = [...(PAGE_NAMES[name] ?? name).toLowerCase(), ..."abcdefghijklmnopqrstuvwxyz"].find((each) => /[a-z]/.test(each) && !taken.has(each));
      return letter ? letters.set(name, letter) : letters;
    },
    new Map([
      ["/", "h"],
      ["/docs", "d"],
    ]),
  );

const places = () => {
  const slices = slicesWithPage();
  const cards = findSlice(CARDS);
  const letters = lettersOf(cards ? [...slices, cards] : slices);
  return [
    { href: "/", text: "Home", letter: letters.get("/"), mark: icon("home") },
    ...slices.map((slice) => ({
      href: slice.page_url,
      text: pageTitle(slice),
      letter: letters.get(slice.name),
      mark: h("span.mark", { "aria-hidden": "true" }, letters.get(slice.name)),
    })),
    { href: "/docs", text: "API docs", letter: letters.get("/docs"), mark: icon("book") },
    ...(cards ? [{ href: "/slices", text: cards.title, letter: letters.get(CARDS), mark: icon("slices") }] : []),
  ];
};

const isCurrent = (href) =>
  href === "/" ? location.pathname === "/" : location.pathname === href || location.pathname.startsWith(`${href}/`);

const navLink = ({ href, text, mark }) =>
  h("a", { href, "aria-current": isCurrent(href) ? "page" : null }, mark, h("span", null, text));

// ---- search of everything ------------------------------------------------

const SEARCH_KEYS = /^(Mac|iP)/.test(navigator.platform) ? "⌘ K" : "Ctrl K";

const canSearch = () => Boolean(currentSession() && findSlice("search"));

const showSearch = async () => {
  const { openSearch } = await orReload(import("./search.js"));
  if (!document.querySelector("dialog[open]")) openSearch({ places: places(), slices: catalogue.items });
};

/** @param {import("./dom.js").Child} face */
const searchButton = (tag, face) =>
  canSearch() &&
  h(
    tag,
    { type: "button", onclick: showSearch, "aria-haspopup": "dialog", "aria-keyshortcuts": "Control+K Meta+K" },
    icon("search"),
    face,
  );

const showNavigation = () => {
  const session = currentSession();
  const all = places();
  const leave = async () => {
    try {
      await signOut();
      closeStream();
      render();
    } catch (error) {
      toast(error.message, "error");
    }
  };
  fill(
    side,
    h("div.side-top", null, h("a.brand", { href: "/" }, logo(), h("span", null, catalogue?.name ?? "Slice API"))),
    searchButton("button.search-button", [h("span", null, "Search"), h("kbd", { "aria-hidden": "true" }, SEARCH_KEYS)]),
    h(
      "nav",
      { "aria-label": "Main" },
      h(
        "ul",
        null,
        all.map((place) =>
          h("li", null, navLink(place), place.letter && h("kbd", { "aria-hidden": "true" }, `g ${place.letter}`)),
        ),
      ),
    ),
    h(
      "div.side-foot",
      null,
      session && h("p.who", null, "Signed in as ", h("strong", null, session.name)),
      h(
        "div.actions",
        null,
        session
          ? h("button.quiet", { type: "button", onclick: leave }, "Sign out")
          : h("a.button.quiet", { href: "/" }, "Sign in"),
        h("button.quiet.keys-button", { type: "button", onclick: showKeys, "aria-keyshortcuts": "?" }, "Shortcuts"),
      ),
    ),
  );
  const openMenu = () => {
    const close = openDialog({
      title: "Menu",
      content: [
        h(
          "nav.menu",
          { "aria-label": "All pages" },
          h(
            "ul",
            { onclick: (event) => event.target.closest("a") && close() },
            all.map((place) => h("li", null, navLink({ ...place, mark: place.mark.cloneNode(true) }))),
          ),
        ),
        session &&
          h(
            "div.actions",
            null,
            h("p.who", null, "Signed in as ", h("strong", null, session.name)),
            h(
              "button",
              {
                type: "button",
                onclick: () => {
                  close();
                  leave();
                },
              },
              "Sign out",
            ),
          ),
      ],
    });
  };
  const few = [all[0], ...all.filter(({ href }) => href.startsWith("/app/")).slice(0, canSearch() ? 2 : 3)];
  fill(
    bottomBar,
    few.map((place) => navLink({ ...place, mark: place.mark.cloneNode(true) })),
    searchButton("button", h("span", null, "Search")),
    h("button", { type: "button", onclick: openMenu }, icon("menu"), h("span", null, "Menu")),
  );
  bottomBar.hidden = false;
};

const markCurrent = () =>
  document.querySelectorAll("#side nav a, #bottom-bar a").forEach((link) => {
    if (isCurrent(link.getAttribute("href"))) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  });

// ---- views ---------------------------------------------------------------

const sliceCard = (slice) => {
  const href = slice.page_url ?? slice.docs_url;
  return h(
    "li.card.tile",
    null,
    h("h2", null, h("a", { href }, pageTitle(slice))),
    h("p", null, codeSpans(firstSentence(slice.description))),
    h("code.muted", null, slice.api_url),
  );
};

/** `links.created` → `created`. */
const verbOf = (type) => type.split(".").slice(1).join(" ").replaceAll("_", " ");

/** One line of what happened. @param {any} event */
const activityLine = (event) => {
  const slice = findSlice(event.slice);
  const isThere = slice?.page_url && !event.type.endsWith(".deleted");
  return h(
    "li",
    null,
    h(
      "span.what",
      null,
      h("span.tag", null, event.slice),
      " ",
      isThere
        ? h("a", { href: `${slice.page_url}/${encodeURIComponent(event.subject)}` }, event.subject)
        : h("span", null, event.subject),
      ` ${verbOf(event.type)}`,
    ),
    timeElement(event.at),
  );
};

const RECENT = 8;

const recentActivity = (signal) => {
  const slice = findSlice("activity");
  if (!slice || !hasScope("activity:read")) return null;
  const list = h("ul.recent");
  const stage = h("div", null, skeleton(4));
  const load = async () => {
    try {
      const { items } = await get(withQuery(slice.api_url, { limit: RECENT }), signal);
      fill(list, items.map(activityLine));
      fill(stage, items.length ? list : h("p.muted", null, "Nothing has happened yet."));
    } catch (error) {
      if (!signal.aborted) fill(stage, errorState(error, load));
    }
  };
  load();
  onEvents((events) => {
    if (!list.isConnected) return load();
    list.prepend(...events.slice(-RECENT).reverse().map(activityLine));
    [...list.children].slice(RECENT).forEach((line) => line.remove());
  }, signal);
  return h(
    "section",
    { "aria-label": "Recent activity" },
    h(
      "div.section-head",
      null,
      h("h2", null, "Recent activity"),
      slice.page_url && h("a", { href: slice.page_url }, "All activity"),
    ),
    stage,
  );
};

const homeView = ({ signal }) =>
  h(
    "div.page",
    null,
    pageHead({ title: "Home" }),
    h("ul.tiles", null, slicesWithPage().map(sliceCard)),
    recentActivity(signal),
  );

const notFoundView = () =>
  h(
    "div.page",
    null,
    pageHead({ title: "There is no such page" }),
    emptyState({
      title: "Nothing lives here",
      text: "The address may be mistyped, or the tool was removed from this server.",
      action: h("a.button", { href: "/" }, "Home"),
    }),
  );

const RELOADED = "slice.reloaded";
const RELOAD_PAUSE_MS = 20_000;

/**
 * Waits for parts of the page. After an update of the server the parts of the old version are gone; then the page starts anew, but not for ever.
 * @template T @param {Promise<T>} parts @returns {Promise<T>}
 */
const orReload = (parts) =>
  parts.catch((error) => {
    const isPartMissing = error instanceof TypeError && /module|import/i.test(error.message);
    const last = Number(sessionStorage.getItem(RELOADED) ?? 0);
    if (!isPartMissing || Date.now() - last < RELOAD_PAUSE_MS) throw error;
    sessionStorage.setItem(RELOADED, String(Date.now()));
    location.reload();
    return new Promise(() => {});
  });

const loadPage = async (slice) => (slice.page_script ? (await import(slice.page_script)).default : {});

const sliceView = async (context) => {
  const slice = findSlice(context.parts[0]);
  if (!slice?.page_url) return notFoundView();
  const [generic, object, doc, page] = await orReload(
    Promise.all([import("./generic.js"), context.parts[1] && import("./object.js"), getOpenapi(), loadPage(slice)]),
  );
  const ctx = generic.withOperations({ ...context, slice, doc, page, catalogue });
  const [, id] = context.parts;
  if (!id) return (page.list ?? generic.listPage)(ctx);
  if (page.object) return page.object(ctx, id);
  return id === "new" && ctx.ops.create ? generic.newPage(ctx) : object.objectPage(ctx, id);
};

const docsView = async (context) => {
  const [{ docsPage }, doc] = await orReload(Promise.all([import("./docs.js"), getOpenapi()]));
  return docsPage({ ...context, catalogue, doc });
};

const cardsView = (context) => sliceView({ ...context, parts: [CARDS] });

/** @type {{ pattern: RegExp, view: (context: any) => any, title: (parts: string[]) => string, isPublic?: boolean }[]} */
const ROUTES = [
  { pattern: /^\/$/, view: homeView, title: () => "Home" },
  { pattern: /^\/docs\/?$/, view: docsView, title: () => "API docs", isPublic: true },
  { pattern: /^\/slices\/?$/, view: cardsView, title: () => findSlice(CARDS)?.title ?? "Not found" },
  { pattern: /^\/app\/([^/]+)\/?$/, view: sliceView, title: ([name]) => pageTitle(findSlice(name)) },
  {
    pattern: /^\/app\/([^/]+)\/([^/]+)$/,
    view: sliceView,
    title: ([name, id]) => `${id === "new" ? "New" : id} – ${pageTitle(findSlice(name))}`,
  },
];

const matchRoute = (pathname) => {
  const route = ROUTES.find(({ pattern }) => pattern.test(pathname));
  if (!route) return { view: notFoundView, title: () => "Not found", parts: [] };
  return { ...route, parts: pathname.match(route.pattern).slice(1).map(decodeURIComponent) };
};

/** Loading what a view is made of takes a moment only the first time; before that nothing flickers. */
const SKELETON_AFTER_MS = 120;

/**
 * Shows the view of the address.
 * @param {{ reason?: string, isFirst?: boolean, left?: Left | null }} [how] left: how the page was left that one comes back to
 */
const render = async ({ reason, isFirst = false, left = null } = {}) => {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const route = matchRoute(location.pathname);
  const isSignedIn = Boolean(currentSession());
  const mustSignIn = !isSignedIn && !route.isPublic;
  document.body.classList.toggle("is-bare", mustSignIn);
  document.querySelectorAll("dialog[open]").forEach((dialog) => dialog.close());
  const waiting = setTimeout(() => fill(main, skeleton()), SKELETON_AFTER_MS);
  const view = await viewOf(route, { signal, mustSignIn, reason, left }).catch((error) =>
    h(
      "div.page",
      null,
      pageHead({ title: "This page could not be shown" }),
      errorState(error, () => render()),
    ),
  );
  clearTimeout(waiting);
  if (signal.aborted) return;
  fill(main, view);
  const title = mustSignIn ? "Sign in" : route.title(route.parts);
  document.title = `${title} · ${catalogue?.name ?? "Slice API"}`;
  if (location.hash.length > 1) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
  if (isFirst || mustSignIn) return;
  announce(title);
  // The focus follows to the new page, unless a form has taken it already.
  if (!main.contains(document.activeElement) || document.activeElement === main)
    main.querySelector("h1")?.focus({ preventScroll: true });
};

const viewOf = async (route, { signal, mustSignIn, reason, left }) => {
  if (mustSignIn) return (await orReload(import("./signin.js"))).signInView({ reason, onDone: render });
  catalogue ??= await getCatalogue();
  showNavigation();
  if (currentSession()) startStream();
  return route.view({ parts: route.parts, url: new URL(location.href), signal, go, left });
};

// ---- moving about --------------------------------------------------------

/** @typedef {{ scroll: number, rows: number }} Left how far a page was scrolled, and how many rows its list showed */

// Lists are loaded again when one comes back; the browser alone would scroll before they are there.
history.scrollRestoration = "manual";

const rememberLeft = () =>
  history.replaceState({ scroll: scrollY, rows: main.querySelectorAll("tbody tr").length }, "");

/**
 * Goes to a path of this page.
 * @param {string} path
 * @param {{ isReplaced?: boolean, isQuiet?: boolean }} [how] quiet: only the address changes
 */
const go = (path, { isReplaced = false, isQuiet = false } = {}) => {
  if (!isReplaced) rememberLeft();
  if (isReplaced) history.replaceState(null, "", path);
  else history.pushState(null, "", path);
  shownPath = location.pathname + location.search;
  if (isQuiet) return;
  markCurrent();
  scrollTo(0, 0);
  render();
};

const isOwnLink = (link) =>
  link.origin === location.origin &&
  !link.target &&
  !link.hasAttribute("download") &&
  ROUTES.some(({ pattern }) => pattern.test(link.pathname));

addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (!link || !isPlain || event.defaultPrevented || !isOwnLink(link)) return;
  const isJump = link.pathname === location.pathname && link.hash;
  if (isJump) return;
  event.preventDefault();
  go(link.pathname + link.search + link.hash);
});

addEventListener("popstate", ({ state }) => {
  // A change of the fragment alone is a jump within the page.
  const isJump = shownPath === location.pathname + location.search;
  shownPath = location.pathname + location.search;
  if (isJump) return;
  markCurrent();
  scrollTo(0, 0);
  render({ left: state });
});

/** The stream starts once the page is drawn; nobody waits for it. */
const startStream = () => {
  if (!findSlice("activity") || !hasScope("activity:read")) return;
  (window.requestIdleCallback ?? setTimeout)(openStream);
};

// ---- keys ----------------------------------------------------------------

const isTyping = (target) => Boolean(target.closest?.("input, textarea, select, [contenteditable]"));

const showKeys = () => {
  const rows = [
    ["/", "Search this page, or everything"],
    ...(canSearch() ? [[SEARCH_KEYS, "Search everything"]] : []),
    ["n", "New"],
    ["e", "Edit"],
    ["↑ ↓", "Move in a table"],
    ["Esc", "Close"],
    ["?", "This list"],
    ...places().map(({ letter, text }) => [`g ${letter}`, `Go to ${text}`]),
  ];
  openDialog({
    title: "Keyboard shortcuts",
    content: h(
      "dl.keys",
      null,
      rows.map(([keys, text]) =>
        h(
          "div",
          null,
          h(
            "dt",
            null,
            keys.split(" ").map((key) => h("kbd", null, key)),
          ),
          h("dd", null, text),
        ),
      ),
    ),
  });
};

const focusIn = (selector) => {
  const element = main.querySelector(selector);
  const target = element?.matches("input, a, button") ? element : element?.querySelector("input, textarea");
  target?.focus();
  return Boolean(target);
};

const press = (selector) => {
  const element = main.querySelector(selector);
  if (!element?.matches("a, button")) return focusIn(selector);
  element.click();
  return true;
};

let isGoing = false;
const goByLetter = (letter) => {
  isGoing = false;
  const place = places().find((each) => each.letter === letter);
  if (place) go(place.href);
  return Boolean(place);
};

const KEYS = {
  "/": () => focusIn("[data-search]") || (canSearch() && (showSearch(), true)),
  n: () => press("[data-new]"),
  e: () => press("[data-edit]"),
  "?": () => showKeys() ?? true,
  g: () => {
    isGoing = true;
    setTimeout(() => {
      isGoing = false;
    }, 1500);
    return true;
  },
  ArrowDown: () => document.activeElement?.matches("body, main, h1, [data-search]") && focusIn("table.data tbody a"),
};

const isSearchKey = (event) =>
  event.key.toLowerCase() === "k" && event.ctrlKey !== event.metaKey && !event.altKey && !event.shiftKey;

addEventListener("keydown", (event) => {
  if (isSearchKey(event) && canSearch() && !document.querySelector("dialog[open]")) {
    event.preventDefault();
    return showSearch();
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (document.querySelector("dialog[open]")) return;
  const isSearch = event.target.matches?.("[data-search]");
  if (event.key === "Escape" && isTyping(event.target)) return event.target.blur();
  if (isTyping(event.target) && !(isSearch && event.key === "ArrowDown")) return;
  if (!currentSession() && event.key !== "/") return;
  const isDone = isGoing ? goByLetter(event.key) : KEYS[event.key]?.();
  if (isDone) event.preventDefault();
});

// ---- start ---------------------------------------------------------------

/** A link such as `http://host/#key=slice_…` signs in; the key must not stay in the address. */
const keyFromAddress = () => {
  const key = new URLSearchParams(location.hash.slice(1)).get("key");
  if (key) history.replaceState(null, "", location.pathname + location.search);
  return key;
};

/** Signs in with the key of the address, if there is one. @returns {Promise<string | undefined>} why that failed */
const signInByAddress = async () => {
  const key = keyFromAddress();
  if (!key) return undefined;
  return signIn(key).then(
    () => undefined,
    (error) =>
      error.problem?.status === 401 ? "The key in the address is not known, or it has expired." : error.message,
  );
};

// Opening such a link in a tab that is already here loads nothing anew.
addEventListener("hashchange", async () => {
  if (!location.hash.startsWith("#key=")) return;
  const reason = await signInByAddress();
  if (reason) toast(reason, "error");
  render();
});

const start = async () => {
  restoreSession();
  const reason = await signInByAddress();
  onSignedOut(() => {
    closeStream();
    render({ reason: "You were signed out. Sign in to go on where you were." });
  });
  await render({ reason, isFirst: true });
};

start();
