/**
 * Keeping what is shown in step with the server: states change by events, and by the clock alone.
 */
import { onEvents, onReset } from "../../api.js";

/** So soon after a change it is shown, and so long after that nothing else is. */
const PAUSE_MS = 250;
const REST_MS = 2_000;
/** A check grows late without anybody telling. */
const LOOK_MS = 15_000;

/**
 * Runs `look` after each event of the slice, and from time to time while somebody may see the page; never twice at once.
 * @param {import("../../generic.js").Context} ctx
 * @param {() => Promise<unknown>} look
 */
export const keepFresh = ({ slice, signal }, look) => {
  let timer = null;
  let isBusy = false;
  let isWanted = false;
  let restsUntil = 0;
  const run = async () => {
    clearTimeout(timer);
    timer = null;
    if (signal.aborted) return;
    if (isBusy) {
      isWanted = true;
      return;
    }
    isBusy = true;
    // What cannot be had now is looked for again a little later; what is shown stays.
    await look().catch(() => {});
    isBusy = false;
    restsUntil = Date.now() + REST_MS;
    if (isWanted) soon();
    isWanted = false;
  };
  const soon = () => {
    timer ??= setTimeout(run, Math.max(PAUSE_MS, restsUntil - Date.now()));
  };
  onEvents((events) => events.some((event) => event.slice === slice.name) && soon(), signal);
  onReset(soon, signal);
  const ticking = setInterval(() => document.hidden || run(), LOOK_MS);
  signal.addEventListener("abort", () => clearInterval(ticking), { once: true });
  document.addEventListener("visibilitychange", () => document.hidden || run(), { signal });
};

// ---- a few requests at once ----------------------------------------------

const MOST_AT_ONCE = 4;
let running = 0;
const waiting = [];

const next = () => {
  running -= 1;
  waiting.shift()?.();
};

/** Runs it once few others run. @template T @param {() => Promise<T>} run @returns {Promise<T>} */
export const inTurn = async (run) => {
  if (running >= MOST_AT_ONCE) await new Promise((resolve) => waiting.push(resolve));
  running += 1;
  return run().finally(next);
};

// ---- what is seen ---------------------------------------------------------

const NEAR = { rootMargin: "200px" };

/** Runs it when the element comes near to what is seen, once. @param {Element} element @param {() => void} run */
export const whenNear = (element, run) => {
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    observer.disconnect();
    run();
  }, NEAR);
  observer.observe(element);
};
