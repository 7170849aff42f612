/**
 * The log of what came in, the newest first; a body is fetched when somebody wants to read it.
 */
import { call, get, withQuery } from "../../api.js";
import { codeBlock, curlButton, exactTime, formatBytes, formatNumber, h, openDialog, toast } from "../../dom.js";
import { listView } from "../../table.js";
import { checkPath, kindMark, shortDuration } from "./words.js";

const PAGE_SIZE = 20;

const column = (name, label, kind = "string") => /** @type {any} */ ({ name, label, kind, schema: {} });
const COLUMNS = [
  column("n", "Ping"),
  column("at", "When", "datetime"),
  column("duration_seconds", "Took"),
  column("source", "From"),
  column("exit_status", "Exit status"),
  column("body", "Body"),
];

const none = () =>
  h("span.none", null, h("span.visually-hidden", null, "none"), h("span", { "aria-hidden": "true" }, "–"));

const openBody = async (id, ping) => {
  const path = checkPath(id, `/pings/${ping.n}/body`);
  try {
    const { data } = await call("GET", path, { headers: { Accept: "text/plain" }, parse: (text) => text });
    openDialog({
      title: `Body of ping ${formatNumber(ping.n)}`,
      isWide: true,
      content: [
        h("p.muted", null, `${formatBytes(ping.body_bytes)}, ${exactTime(ping.at)}`),
        codeBlock(data, "Copy body"),
        h(
          "div.actions",
          null,
          curlButton(() => ({ path })),
        ),
      ],
    });
  } catch (error) {
    toast(`${error.problem?.title ?? "It failed"}: ${error.message}`, "error");
  }
};

const cellsOf = (id) => ({
  n: (ping) =>
    h("span.with-badges", null, kindMark(ping.kind), h("span.muted.number", null, `#${formatNumber(ping.n)}`)),
  duration_seconds: ({ duration_seconds: took }) =>
    took === null ? none() : h("span.number", null, shortDuration(took)),
  source: (ping) =>
    h(
      "span.stacked",
      null,
      h("span", null, `${ping.method} ${ping.remote_addr}`),
      ping.user_agent && h("span.muted.clip", { title: ping.user_agent }, ping.user_agent),
    ),
  exit_status: ({ exit_status: status }) => (status === null ? none() : h("span.number", null, String(status))),
  body: (ping) =>
    ping.body_bytes
      ? h(
          "button.quiet.body-button",
          {
            type: "button",
            "aria-haspopup": "dialog",
            "aria-label": `Body of ping ${ping.n}, ${formatBytes(ping.body_bytes)}`,
            onclick: () => openBody(id, ping),
          },
          formatBytes(ping.body_bytes),
        )
      : none(),
});

/** @param {import("../../generic.js").Context} ctx @param {string} id */
export const pingLog = (ctx, id) => {
  const path = checkPath(id, "/pings");
  const list = listView({
    path,
    label: "Pings",
    one: "ping",
    columns: COLUMNS,
    cells: cellsOf(id),
    keyOf: (ping) => String(ping.n),
    empty: () => h("p.muted.quiet-empty", null, "No pings yet: send the first one as told above."),
    pageSize: PAGE_SIZE,
    signal: ctx.signal,
  });
  /** Puts what has come on top; after more than a page of it all is loaded anew. */
  const look = async () => {
    const { items } = await get(withQuery(path, { limit: PAGE_SIZE }), ctx.signal);
    const fresh = items.filter(({ n }) => !list.has(String(n)));
    if (fresh.length === items.length) return list.load({ isQuiet: true });
    fresh.reverse().forEach((ping) => list.insert(ping));
  };
  const element = h("section.sub-list", { "aria-label": "Pings" }, h("h2", null, "Pings"), list.element);
  return { element, load: () => list.load(), look };
};
