/**
 * Where in a JSON text something stands.
 */

const SPACE = /\s*/y;
const STRING = /"(?:[^"\\]|\\.)*"/y;
const PLAIN = /[^\s,\]}]+/y;

/**
 * The place of a value in a text that is JSON; as near to it as can be.
 * @param {string} text
 * @param {string[]} path keys and indexes on the way to it
 * @returns {{ start: number, end: number } | null}
 */
export const pointerAt = (text, path) => {
  const places = new Map();
  let at = 0;
  const skip = (pattern) => {
    pattern.lastIndex = at;
    const [found = ""] = pattern.exec(text) ?? [];
    at += found.length;
    return found;
  };
  const members = (way, close, keyOf) => {
    at += 1;
    skip(SPACE);
    for (let index = 0; at < text.length && text[at] !== close; index += 1) {
      const key = keyOf(index);
      value([...way, key]);
      skip(SPACE);
      if (text[at] === ",") at += 1;
      skip(SPACE);
    }
    at += 1;
  };
  const key = () => {
    const name = skip(STRING);
    skip(SPACE);
    at += 1;
    return JSON.parse(name);
  };
  const value = (way) => {
    skip(SPACE);
    const start = at;
    if (text[at] === "{") members(way, "}", key);
    else if (text[at] === "[") members(way, "]", String);
    else if (text[at] === '"') skip(STRING);
    else if (!skip(PLAIN)) at = text.length;
    places.set(JSON.stringify(way), { start, end: at });
  };
  try {
    value([]);
  } catch {
    return null;
  }
  const ways = path.map((_, index) => path.slice(0, path.length - index));
  const found = [...ways, []].find((way) => places.has(JSON.stringify(way)));
  return found ? places.get(JSON.stringify(found)) : null;
};
