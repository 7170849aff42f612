/**
 * Everything the page says to the server, and hears from it: calls, problems, the session, the catalogue,
 * the OpenAPI document and the stream of events.
 */

/**
 * @typedef {{ type: string, title: string, status: number, detail?: string, request_id?: string, errors?: { pointer: string, detail: string }[] }} Problem
 * @typedef {Error & { problem: Problem, retryAfter: number | null }} ApiError
 * @typedef {{ key_id: string, name: string, scopes: string[], expires_at: string | null }} Session
 * @typedef {{ name: string, title: string, description: string, events: string[], api_url: string, docs_url: string, page_url: string | null, page_script: string | null, routes: { total: number } }} Slice
 * @typedef {{ id: number, type: string, slice: string, subject: string, at: string, by: string | null, data: any }} Activity
 */

const SESSION_NOTE = "slice.session";
const SESSION_FRESH_MS = 5 * 60_000;

let signedOut = () => {};
/** Names what happens when the server no longer knows the session. @param {() => void} listener */
export const onSignedOut = (listener) => {
  signedOut = listener;
};

const apiError = (problem, retryAfter = null) =>
  Object.assign(new Error(problem.detail || problem.title), { problem, retryAfter });

/** @param {any} error @returns {number} the HTTP status, 0 when no answer came */
export const statusOf = (error) => error.problem?.status ?? 0;

const NO_ANSWER = {
  type: "about:blank",
  title: "The server did not answer",
  status: 0,
  detail: "It may be restarting, or the network is down. Nothing is lost; try again in a moment.",
};

const readProblem = async (response) => {
  const isProblem = response.headers.get("Content-Type")?.includes("json");
  const problem = isProblem ? await response.json().catch(() => null) : null;
  return {
    type: "about:blank",
    title: `The server answered ${response.status}`,
    status: response.status,
    request_id: response.headers.get("X-Request-ID") ?? undefined,
    ...problem,
  };
};

const withRetryHint = (problem, seconds) =>
  seconds ? { ...problem, detail: `${problem.detail ?? ""} Try again in ${seconds} s.`.trim() } : problem;

/**
 * One call. Throws an ApiError for every answer but a good one.
 * @param {string} method
 * @param {string} path
 * @param {{ body?: unknown, headers?: Record<string, string>, signal?: AbortSignal, parse?: (text: string) => any }} [options]
 * @returns {Promise<{ status: number, data: any, etag: string | null, location: string | null }>}
 */
export const call = async (method, path, { body, headers = {}, signal, parse = JSON.parse } = {}) => {
  const hasBody = body !== undefined;
  const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
  const response = await fetch(path, {
    method,
    signal,
    headers: { Accept: "application/json", ...(hasBody && { "Content-Type": type }), ...headers },
    body: hasBody ? JSON.stringify(body) : undefined,
  }).catch((error) => {
    throw error.name === "AbortError" ? error : apiError(NO_ANSWER);
  });
  if (response.ok) {
    const text = await response.text();
    const isJson = text && response.headers.get("Content-Type")?.includes("json");
    const data = isJson ? parse(text) : text;
    return {
      status: response.status,
      data,
      etag: response.headers.get("ETag"),
      location: response.headers.get("Location"),
    };
  }
  const problem = await readProblem(response);
  if (response.status === 401 && path !== "/api/session") {
    forgetSession();
    signedOut();
  }
  const retryAfter = Number(response.headers.get("Retry-After")) || null;
  throw apiError(withRetryHint(problem, retryAfter), retryAfter);
};

/** @param {string} path @param {AbortSignal} [signal] @returns {Promise<any>} the body */
export const get = async (path, signal) => (await call("GET", path, { signal })).data;

/**
 * Sends a file; tells how much of it has gone, which fetch cannot.
 * @param {string} path
 * @param {Blob} file
 * @param {{ method?: string, type: string, onProgress?: (share: number) => void, signal: AbortSignal }} options share: from 0 to 1
 * @returns {Promise<any>} the body of the answer; throws an ApiError, or an AbortError once it was stopped
 */
export const sendFile = (path, file, { method = "POST", type, onProgress = () => {}, signal }) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const read = () => {
      try {
        return JSON.parse(request.responseText);
      } catch {
        return {};
      }
    };
    request.open(method, path);
    request.setRequestHeader("Content-Type", type);
    request.setRequestHeader("Accept", "application/json");
    request.upload.onprogress = ({ loaded, total }) => onProgress(total ? loaded / total : 0);
    request.onload = () => {
      const { status } = request;
      if (status >= 200 && status < 300) return resolve(read());
      const request_id = request.getResponseHeader("X-Request-ID") ?? undefined;
      reject(apiError({ type: "about:blank", title: `The server answered ${status}`, status, request_id, ...read() }));
    };
    request.onerror = () => reject(apiError(NO_ANSWER));
    request.onabort = () => reject(new DOMException("Stopped", "AbortError"));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(file);
  });

const randomKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/**
 * A POST that may be repeated safely: when no answer came, the same body goes out again under the same key.
 * @param {string} path
 * @returns {(body?: unknown) => ReturnType<typeof call>}
 */
export const repeatablePost = (path) => {
  let pending = { text: null, key: "" };
  return async (body) => {
    const text = JSON.stringify(body);
    if (pending.text !== text || !pending.key) pending = { text, key: randomKey() };
    const forget = () => {
      pending = { text: null, key: "" };
    };
    try {
      const answer = await call("POST", path, { body, headers: { "Idempotency-Key": pending.key } });
      forget();
      return answer;
    } catch (error) {
      if (statusOf(error) !== 0) forget();
      throw error;
    }
  };
};

/** A path with a query, or with more of one; empty values are left out, lists repeat. @param {string} path @param {Record<string, any>} query */
export const withQuery = (path, query) => {
  const search = new URLSearchParams(
    Object.entries(query).flatMap(([name, value]) =>
      [value]
        .flat()
        .filter((each) => each !== null && each !== undefined && each !== "")
        .map((each) => [name, String(each)]),
    ),
  ).toString();
  return search ? `${path}${path.includes("?") ? "&" : "?"}${search}` : path;
};

// ---- session -------------------------------------------------------------
// The cookie is out of reach for scripts. A note of who signed in saves a request on each visit, and one that would fail
// when nobody is signed in. The server decides all the same.

/** @type {Session | null} */
let session = null;

const keepSession = (found) => {
  session = found;
  localStorage.setItem(SESSION_NOTE, JSON.stringify({ ...found, checked: Date.now() }));
  return found;
};

const forgetSession = () => {
  session = null;
  localStorage.removeItem(SESSION_NOTE);
};

/** Who is signed in, as far as is known. @returns {Session | null} */
export const currentSession = () => session;

/** Takes up the session of an earlier visit; asks the server again when the note is old. @returns {Session | null} */
export const restoreSession = () => {
  try {
    const { checked, ...found } = JSON.parse(localStorage.getItem(SESSION_NOTE) ?? "null");
    session = found;
    if (Date.now() - checked > SESSION_FRESH_MS) refreshSession();
  } catch {
    session = null;
  }
  return session;
};

const refreshSession = () =>
  get("/api/session").then(keepSession, (error) => {
    if (statusOf(error) !== 401) return;
    forgetSession();
    signedOut();
  });

/** @param {string} key @returns {Promise<Session>} */
export const signIn = async (key) => keepSession((await call("POST", "/api/session", { body: { key } })).data);

export const signOut = async () => {
  await call("DELETE", "/api/session");
  forgetSession();
};

/** Whether the key behind the session may do it. @param {string | undefined} scope */
export const hasScope = (scope) =>
  !scope || Boolean(session?.scopes.some((each) => each === "admin" || each === scope));

// ---- what the server offers ----------------------------------------------

const once = (load) => {
  let result = null;
  return () => {
    result ??= load().catch((error) => {
      result = null;
      throw error;
    });
    return result;
  };
};

/** The catalogue. @type {() => Promise<{ name: string, version: string, items: Slice[] }>} */
export const getCatalogue = once(() => get("/api"));

/** The OpenAPI document. @type {() => Promise<any>} */
export const getOpenapi = once(() => get("/openapi.json"));

// ---- the event stream ----------------------------------------------------
// One stream for the whole page. Events are handed out in batches, so that a busy server cannot stall the page.
// It is read with fetch and not with EventSource: that hears only event types it was told of, and does not say why a
// connection failed.

const STREAM = "/api/activity/stream";
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;
const BATCH_MS = 80;
/** Answers that will not change by asking again: not signed in, not allowed, no such slice. */
const FINAL = [401, 403, 404];

const listeners = new Set();
const resetListeners = new Set();
const stateListeners = new Set();
let controller = null;
let lastId = "";
let isLive = false;

const setLive = (next) => {
  if (next === isLive) return;
  isLive = next;
  stateListeners.forEach((listener) => listener(isLive));
};

const tellReset = () => resetListeners.forEach((listener) => listener());

let batch = [];
let timer = null;
const flush = () => {
  const events = batch;
  batch = [];
  timer = null;
  listeners.forEach((listener) => listener(events));
};
const queue = (event) => {
  batch.push(event);
  timer ??= setTimeout(flush, BATCH_MS);
};

/** @param {string} block one event as it stands in the stream @returns {{ id?: string, event?: string, data: string }} */
const parseBlock = (block) => {
  const fields = { data: "" };
  block.split("\n").forEach((line) => {
    if (line.startsWith(":")) return;
    const [, name, value] = line.match(/^([^:]+):? ?(.*)$/) ?? [];
    if (name === "data") fields.data += (fields.data && "\n") + value;
    else if (name) fields[name] = value;
  });
  return fields;
};

const take = ({ id, event, data }) => {
  if (id) lastId = id;
  if (event === "reset") {
    lastId = "";
    return tellReset();
  }
  if (data) queue(JSON.parse(data));
};

const readAll = async (body) => {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value.replaceAll("\r", "")).split("\n\n");
    rest = blocks.pop();
    blocks.filter(Boolean).map(parseBlock).forEach(take);
  }
};

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const connect = async (signal) => {
  let wait = FIRST_WAIT_MS;
  let wasLive = false;
  while (!signal.aborted) {
    try {
      const headers = { Accept: "text/event-stream", ...(lastId && { "Last-Event-ID": lastId }) };
      const response = await fetch(STREAM, { signal, headers, cache: "no-store" });
      if (FINAL.includes(response.status)) return;
      if (response.ok) {
        setLive(true);
        wait = FIRST_WAIT_MS;
        // With no position to go on from, nobody knows what was missed meanwhile.
        if (wasLive && !lastId) tellReset();
        wasLive = true;
        await readAll(response.body);
      }
    } catch {
      // A broken connection is the ordinary end of a stream; the loop opens the next one.
    }
    setLive(false);
    await pause(wait);
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  }
};

/** Opens the stream once; later calls change nothing. */
export const openStream = () => {
  if (controller) return;
  controller = new AbortController();
  const own = controller;
  connect(own.signal).finally(() => {
    if (controller !== own) return;
    controller = null;
    setLive(false);
  });
};

export const closeStream = () => {
  controller?.abort();
  controller = null;
  lastId = "";
  setLive(false);
};

const add = (set, listener, signal) => {
  if (signal?.aborted) return;
  set.add(listener);
  signal?.addEventListener("abort", () => set.delete(listener), { once: true });
};

/**
 * @param {(events: Activity[]) => void} listener gets batches, oldest event first
 * @param {AbortSignal} [signal] ends it
 */
export const onEvents = (listener, signal) => add(listeners, listener, signal);

/** Told when events were missed, so that what is shown must be loaded again. @param {() => void} listener @param {AbortSignal} [signal] */
export const onReset = (listener, signal) => add(resetListeners, listener, signal);

/** Told at once and on each change whether the page is live. @param {(isLive: boolean) => void} listener @param {AbortSignal} [signal] */
export const onLive = (listener, signal) => {
  add(stateListeners, listener, signal);
  listener(isLive);
};
