/**
 * Parts of a page that are loaded when they are shown.
 */
import { errorState, fill } from "./dom.js";

/**
 * Fills a place with what a module makes, once that is there.
 * @template {HTMLElement} E
 * @param {E} place what it holds meanwhile stays until then
 * @param {() => Promise<Node>} load
 * @returns {E}
 */
export const lazily = (place, load) => {
  load().then(
    (content) => fill(place, content),
    (error) =>
      fill(
        place,
        errorState(error, () => lazily(place, load)),
      ),
  );
  return place;
};

/** Far below the screen counts as drawn; within a fold that is closed does not. */
const FAR = { rootMargin: "100000px" };

/** Does something when an element is drawn, once. @param {Element} element @param {() => void} run */
export const whenDrawn = (element, run) => {
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    observer.disconnect();
    run();
  }, FAR);
  observer.observe(element);
};
