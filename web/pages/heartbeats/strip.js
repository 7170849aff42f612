/**
 * A strip of the last pings of a check, and of the times at which it went down without one. Loaded when it is near, and
 * again once there is more to show.
 *
 * @typedef {import("./words.js").Flip} Flip
 */
import { get, withQuery } from "../../api.js";
import { exactTime, fill, h, plural } from "../../dom.js";
import { inTurn, whenNear } from "./fresh.js";
import { KINDS, REASON_WORDS, checkPath } from "./words.js";

/** A start is shown only while its end is awaited, so more are asked for than shown. */
const ASKED = 50;
const SHOWN = 30;
const MOST_FLIPS = 20;
/** A job that pings all the time has its strip drawn again at most so often. */
const REST_MS = 10_000;

/** What the strip shows, the oldest first: a failure that came as a ping is one already. @param {any[]} pings @param {Flip[]} flips */
const entriesOf = (pings, flips) => {
  const since = pings.length === ASKED ? pings.at(-1).at : "";
  const missed = flips
    .filter((flip) => flip.new === "down" && flip.reason !== "fail" && flip.at >= since)
    .map(({ at, reason }) => ({ at, kind: "missed", words: REASON_WORDS[reason] ?? "Down" }));
  const told = pings
    .filter(({ kind }, index) => kind !== "start" || index === 0)
    .map(({ at, kind }) => ({ at, kind, words: KINDS[kind]?.words ?? kind }));
  return [...told, ...missed].sort((a, b) => Date.parse(a.at) - Date.parse(b.at)).slice(-SHOWN);
};

const summary = (entries) => {
  const of = (kind) => entries.filter((entry) => entry.kind === kind).length;
  const parts = [
    [of("success"), "success"],
    [of("fail"), "failure"],
    [of("missed"), "missed time"],
    [of("start"), "start"],
    [of("log") + of("ignored"), "other ping"],
  ];
  return `Lately: ${parts
    .filter(([count]) => count)
    .map(([count, one]) => plural(count, one))
    .join(", ")}`;
};

const draw = (strip, entries) => {
  if (!entries.length) return fill(strip, h("span.none", null, "No pings yet"));
  const bars = entries.map(({ at, kind, words }) => h(`span.beat.${kind}`, { title: `${words}: ${exactTime(at)}` }));
  return fill(strip, h("span.beats", { role: "img", "aria-label": summary(entries) }, bars));
};

/**
 * The strips of a list; each is drawn once and kept.
 * @param {{ signal: AbortSignal, onLoaded: (id: string) => void }} options onLoaded: told when the last change of state is known
 */
export const strips = ({ signal, onLoaded }) => {
  /** @type {Map<string, { element: HTMLElement, seen: string, state: string, restsUntil: number, last?: Flip }>} */
  const kept = new Map();

  const load = async (strip, id) => {
    const ask = (rest, limit) => inTurn(() => get(withQuery(checkPath(id, rest), { limit }), signal));
    const [pings, flips] = await Promise.all([ask("/pings", ASKED), ask("/flips", MOST_FLIPS)]);
    strip.last = flips.items[0];
    strip.restsUntil = Date.now() + REST_MS;
    draw(strip.element, entriesOf(pings.items, flips.items));
    onLoaded(id);
  };
  const look = (strip, id, seen) => {
    strip.seen = seen;
    // What fails here is a picture only; the next change of the check asks again.
    whenNear(strip.element, () => load(strip, id).catch(() => (strip.seen = "")));
  };
  /** @param {any} check */
  const stripOf = (check) => {
    const seen = `${check.n_pings} ${check.state}`;
    const strip = kept.get(check.id) ?? { element: h("div.strip"), seen: "", state: "", restsUntil: 0 };
    kept.set(check.id, strip);
    const isResting = strip.state === check.state && Date.now() < strip.restsUntil;
    if (strip.seen === seen || isResting) return strip.element;
    strip.state = check.state;
    if (check.n_pings) look(strip, check.id, seen);
    else draw(strip.element, []);
    return strip.element;
  };
  return {
    stripOf,
    /** @param {string} id @returns {Flip | undefined} */
    lastFlip: (id) => kept.get(id)?.last,
  };
};
