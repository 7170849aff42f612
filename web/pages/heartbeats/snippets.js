/**
 * What to write into a job so that it is heard of: its URL, and lines to copy.
 */
import { codeBlock, copyButton, fill, h } from "../../dom.js";
import { segments } from "../../forms.js";

const CURL = "curl -fsS -m 10 --retry 5 -o /dev/null";

const inCron = ({ schedule }) => schedule.cron ?? "30 2 * * *";

const curl = ({ ping_url: url }) => `# it has run
${CURL} ${url}

# it begins, and fails; with its output
${CURL} ${url}/start
${CURL} --data-binary @job.log ${url}/fail

# only to be logged
${CURL} --data-raw "half done" ${url}/log`;

const crontab = (check) => `${inCron(check)} /usr/local/bin/job && ${CURL} ${check.ping_url}`;

const shell = ({ ping_url: url }) => `#!/bin/sh
url=${url}
run=$(cat /proc/sys/kernel/random/uuid)

${CURL} "$url/start?rid=$run"
output=$(/usr/local/bin/job 2>&1)
status=$?
printf '%s' "$output" | ${CURL} --data-binary @- "$url/$status?rid=$run"
exit $status`;

/** A line break would begin another setting. */
const oneLine = (text) => text.replaceAll(/\s+/g, " ").replaceAll("%", "%%");

const timerOf = ({ schedule }) =>
  schedule.on_calendar
    ? `

# job.timer
[Timer]
OnCalendar=${schedule.on_calendar} ${schedule.timezone}

[Install]
WantedBy=timers.target`
    : "";

const systemd = (check) => `# job.service
[Unit]
Description=${oneLine(check.name)}

[Service]
Type=oneshot
ExecStartPre=-${CURL} ${check.ping_url}/start
ExecStart=/usr/local/bin/job
ExecStopPost=-/bin/sh -c 'test "$$SERVICE_RESULT" = success; ${CURL} ${check.ping_url}/$$?'${timerOf(check)}`;

const python = ({ ping_url: url }) => `from urllib.request import urlopen

PING_URL = "${url}"

def ping(what: str = "", text: str = "") -> None:
    try:
        urlopen(PING_URL + what, data=text.encode(), timeout=10).close()
    except OSError as error:
        print("not heard of:", error)  # no reason for the job to fail

ping("/start")
try:
    run()
except BaseException as error:
    ping("/fail", repr(error))
    raise
ping(text="all done")`;

const actions = (check) => `# .github/workflows/job.yml, with the ping URL as the secret PING_URL
on:
  schedule:
    - cron: "${inCron(check)}" # in UTC
jobs:
  job:
    runs-on: ubuntu-latest
    env:
      PING_URL: \${{ secrets.PING_URL }}
    steps:
      - run: ${CURL} "$PING_URL/start"
      - run: ./job.sh
      - if: always()
        run: ${CURL} "$PING_URL/\${{ job.status == 'success' && '0' || '1' }}"`;

/** @type {Record<string, [title: string, make: (check: any) => string, help: string]>} */
const SNIPPETS = {
  curl: ["curl", curl, "Add /start, /fail, /log or an exit status to the URL to tell more than that it has run."],
  crontab: ["Crontab", crontab, "The ping goes out only when the job has succeeded."],
  shell: ["Shell", shell, "Tells the start, the exit status, the output, and so how long it took."],
  systemd: ["systemd", systemd, "Tells the start, and whether it has succeeded."],
  python: ["Python", python, "Needs nothing but Python itself."],
  actions: ["GitHub Actions", actions, "Tells the start, and whether all steps before have succeeded."],
};

/** @param {any} check */
export const snippets = (check) => {
  let chosen = "curl";
  let now = check;
  const stage = h("div.snippet-stage");
  const show = () => {
    const [title, make, help] = SNIPPETS[chosen];
    fill(stage, h("p.muted", null, help), codeBlock(make(now), `Copy ${title}`));
  };
  const choice = segments({
    label: "Written for",
    options: Object.entries(SNIPPETS).map(([name, [title]]) => [name, title]),
    value: chosen,
    onChoose: (name) => {
      chosen = name;
      show();
    },
  });
  show();
  const element = h(
    "section.card.snippets-card",
    { "aria-label": "How to ping it" },
    h("h2", null, "How to ping it"),
    h("div.ping-url", null, h("code", null, check.ping_url), copyButton(check.ping_url, "Copy ping URL", "Copy")),
    choice.element,
    stage,
  );
  /** @param {any} next the check after a change */
  const update = (next) => {
    const isOther = JSON.stringify([next.name, next.schedule]) !== JSON.stringify([now.name, now.schedule]);
    now = next;
    if (isOther) show();
  };
  return { element, update };
};
