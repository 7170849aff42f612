"use strict";
// Keeps the page up to date: what the stream tells is put into the elements that the page came with.
(() => {
  const main = document.querySelector("main");
  const words = JSON.parse(main.dataset.words);
  const svg = "http://www.w3.org/2000/svg";
  const shown = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
  const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeZone: "UTC" });

  const part = (root, name) => root.querySelector(`[data-is="${name}"]`);
  const put = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };

  // Times are those of whoever reads; what they are in UTC is told on hovering.
  const dress = (time) => {
    const at = new Date(time.dateTime);
    time.title = `${at.toISOString().slice(0, 16).replace("T", " ")} UTC`;
    put(time, shown.format(at));
  };
  const timeOf = (text) => {
    const time = document.createElement("time");
    time.dateTime = text;
    dress(time);
    return time;
  };
  const putTime = (element, text) => {
    if (element.firstElementChild?.dateTime !== text) element.replaceChildren(...(text ? [timeOf(text)] : []));
  };
  const putFact = (row, name, text) => {
    const element = part(row, name);
    putTime(element, text);
    element.parentElement.hidden = !text;
  };

  const counted = (counts) => {
    const some = Object.entries(words.states).filter(([name]) => counts[name]);
    const parts = some.map(([name, word]) => `${counts[name]} ${word.toLowerCase()}`);
    const total = `${counts.total} check${counts.total === 1 ? "" : "s"}`;
    return parts.length ? `${total}: ${parts.join(", ")}` : total;
  };

  const path = (kind, lines, title) => {
    const element = document.createElementNS(svg, "path");
    element.setAttribute("class", kind);
    element.setAttribute("d", lines);
    if (title) element.appendChild(document.createElementNS(svg, "title")).textContent = title;
    return element;
  };
  const draw = (drawing, days, first) => {
    const line = (at, from) => `M${4 * at + 1.5} ${from}V28`;
    const of = (fits) => days.map((up, at) => [up, at]).filter(([up]) => fits(up));
    const unknown = of((up) => up === null);
    const whole = of((up) => up === 1);
    const down = of((up) => up !== null && up < 1);
    const bars = down.map(([up, at]) => {
      const name = day.format(Date.parse(first) + at * 86_400_000);
      return path(up >= 0.95 ? "part" : "bad", line(at, 0), `${name}: ${(up * 100).toFixed(2)} % up`);
    });
    drawing.replaceChildren(
      path("unknown", unknown.map(([, at]) => line(at, 20)).join("")),
      path("up", whole.map(([, at]) => line(at, 8)).join("")),
      ...bars,
    );
    const told = `${whole.length} without downtime, ${down.length} with downtime, ${unknown.length} unknown`;
    drawing.setAttribute("aria-label", `Uptime of the last ${days.length} days: ${told}`);
  };

  const outage = ({ began_at, ended_at, reason }) => {
    const item = document.createElement("li");
    item.append(timeOf(began_at), " to ", ended_at ? timeOf(ended_at) : "now");
    if (reason) item.append(`: ${words.reasons[reason]}`);
    return item;
  };
  const putHistory = (row, check, first) => {
    draw(row.querySelector(".bars"), check.days, first);
    put(part(row, "uptime"), check.uptime === null ? "Nothing known yet" : `${+(check.uptime * 100).toFixed(2)} % up`);
    part(row, "downtimes").hidden = !check.n_downtimes;
    put(part(row, "n-downtimes"), `${check.n_downtimes} downtime${check.n_downtimes === 1 ? "" : "s"} in 90 days`);
    part(row, "outages").replaceChildren(...check.downtimes.map(outage));
  };
  const putCheck = (row, check, first) => {
    row.dataset.state = check.state;
    put(part(row, "name"), check.name);
    put(part(row, "state"), words.states[check.state]);
    put(part(row, "since-word"), words.since[check.state]);
    putTime(part(row, "since"), check.since);
    putFact(row, "last", check.last_ping_at);
    putFact(row, "due", check.next_due_at);
    if (first) putHistory(row, check, first);
  };

  const putAll = (told) => {
    const rows = [...part(main, "checks").children];
    const hasBars = document.querySelector(".bars") !== null;
    const isCut = document.querySelector(".cut") !== null;
    if (
      rows.length !== told.checks.length ||
      (rows.length > 0 && hasBars !== (told.first_day !== null)) ||
      isCut !== told.counts.total > rows.length
    ) {
      location.reload();
      return;
    }
    document.title = `${told.title}: ${told.summary}`;
    main.dataset.state = told.state;
    put(part(main, "title"), told.title);
    put(part(main, "description"), told.description);
    part(main, "description").hidden = !told.description;
    put(part(main, "summary"), told.summary);
    put(part(main, "counts"), counted(told.counts));
    told.checks.forEach((check, at) => putCheck(rows[at], check, told.first_day));
  };

  document.querySelectorAll("time").forEach(dress);
  const live = part(document, "live");
  let isLive = false;
  const tell = (text, isOn) => {
    // What is shown was right up to now; while it is live there is no need to say so.
    if (isLive && !isOn) putTime(part(document, "now"), new Date().toISOString());
    isLive = isOn;
    put(live, text);
    live.classList.toggle("on", isOn);
    live.hidden = false;
    part(document, "as-of").hidden = isOn;
  };
  const stream = new EventSource(main.dataset.stream);
  stream.addEventListener("open", () => tell("Live: this page keeps itself up to date", true));
  stream.addEventListener("status", (event) => putAll(JSON.parse(event.data)));
  stream.addEventListener("error", () => {
    const isOver = stream.readyState === EventSource.CLOSED;
    tell(isOver ? "Not live any more: reload the page" : "Connection lost, trying again", false);
  });
})();
