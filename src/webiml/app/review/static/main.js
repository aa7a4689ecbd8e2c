/** Starts the page: asks what there is, shows the queue and the pair where this person stopped, and listens. */

import { makeActions } from "./actions.js";
import { ask, withQuery } from "./api.js";
import { Decisions } from "./decide.js";
import { byId, make, onceAFrame, say, warn } from "./dom.js";
import { chosen, countChosen, expected, fillFilters, FIELDS, remember, remembered, restore } from "./filters.js";
import { fillHelp, listen } from "./keys.js";
import { Page } from "./page.js";
import { askName, Changes, Pace, showAgreement, toldOf } from "./people.js";
import { Queue } from "./queue.js";
import { isPossible, VIEWS } from "./views.js";

async function start() {
  const asked = remembered().get("reviewer") ?? new URLSearchParams(location.search).get("reviewer");
  const first = expected(remembered());
  const early = ask(withQuery("api/queue", { ...first, reviewer: asked })); // needs nothing of what comes first
  early.catch(() => {}); // asked again below, where it is told
  const about = await ask(withQuery("api/about", { reviewer: asked }));
  const reasons = new Map(about.reasons.map(({ word, words }) => [word, words]));
  const who = { name: asked || about.reviewer };
  const pace = new Pace();
  const counts = { decided: 0, of: 0, total: 0 };

  const queue = new Queue(byId("queue"), {
    reviewer: () => who.name,
    open: (key) => open(key),
    failed: (error) => warn(error.message),
  });
  const near = (key) => [1, 2, -1].map((by) => queue.beside(key, by)).filter((one) => one !== null && one !== key);
  const page = new Page({ what: about.what, reviewer: () => who.name, reasons, near });
  const decisions = new Decisions({ reviewer: () => who.name, decided, failed });
  const changes = new Changes({ decided: news, answers, silent: (error) => warn(error.message) });
  let silent = false;

  function open(key) {
    queue.select(key);
    remember(key, who.name);
    count();
    return page.open(key);
  }

  /** The server has a decision on its disk. */
  function decided(answer, key) {
    warn("");
    const { decision } = answer;
    if (decision) {
      changes.own.add(decision.id);
    }
    tell(key, decision);
    page.refresh(key).catch((error) => warn(error.message));
  }

  function failed(error, key) {
    warn(key ? `Not decided: ${key}. ${error.message}` : error.message);
    if (key) {
      open(key); // it is not done: back to it
    }
  }

  /** Others decided something: it is seen at once, and nothing of this person's changes. */
  function news(list) {
    const keys = new Set(list.map(({ key }) => key));
    keys.forEach((key) => {
      queue.forget(key);
      page.refresh(key).catch((error) => warn(error.message));
    });
    const here = list.findLast(({ key, reviewer }) => key === page.key && reviewer !== who.name);
    const last = here ?? list.findLast(({ reviewer }) => reviewer !== who.name);
    if (last) {
      say(toldOf(last, reasons) + (list.length > 1 ? ` ${list.length - 1} more.` : ""));
    }
    if (list.some(({ reviewer }) => reviewer === who.name)) {
      recount();
    }
  }

  function answers() {
    if (silent) {
      warn("");
      silent = false;
    }
    const draft = page.sheet?.draft;
    if (draft?.waiting.length) {
      draft.retry().then(() => warn(""), (error) => warn(`Not saved yet: ${error.message}`));
    }
  }

  function tell(key, decision) {
    const verb = { accept: "Accepted", reject: "Rejected" }[decision?.verdict] ?? "Taken back";
    const name = queue.rows.get(key)?.name || key;
    say(`${verb}: ${name}${decision?.reason ? `, ${reasons.get(decision.reason)}` : ""}.`);
    queue.forget(key);
    recount();
  }

  const recount = onceAFrame(async () => {
    const found = await ask(withQuery("api/queue", { ...chosen(), reviewer: who.name, limit: 0 })).catch(() => null);
    Object.assign(counts, found ? { decided: found.decided, of: found.of } : {});
    count();
  });

  function count() {
    const figure = (value) => value.toLocaleString("en");
    const place = queue.places.get(queue.current);
    const rows = `${figure(queue.keys.length)} ${queue.keys.length === 1 ? "row" : "rows"}`;
    byId("queue-words").textContent = place === undefined ? rows : `${figure(place + 1)} of ${rows}`;
    byId("progress").max = Math.max(1, counts.of ?? 1);
    byId("progress").value = counts.decided ?? 0;
    byId("progress-words").textContent = `${figure(counts.decided ?? 0)} of ${figure(counts.of ?? 0)} decided`;
    const rate = pace.perMinute;
    byId("pace").textContent = rate === null ? "" : `${rate < 10 ? rate.toFixed(1) : Math.round(rate)} a minute`;
    byId("filters-count").textContent = countChosen() || "";
  }

  async function reload({ key = null, stay = false, answer = null } = {}) {
    const found = await queue.load(chosen(), answer);
    Object.assign(counts, { decided: found.decided, of: found.of });
    const wanted = key ?? (stay && queue.places.has(page.key) ? page.key : queue.keys[0] ?? null);
    if (wanted !== null) {
      await open(wanted);
    } else {
      count();
      say("No row fits these filters.");
    }
  }

  function rename(name) {
    who.name = name;
    byId("reviewer").textContent = name;
    page.cases.keep([]);
    reload({ key: page.key }).catch((error) => warn(error.message));
  }

  byId("title").textContent = about.title;
  document.title = `${about.title}: review`;
  byId("reviewer").textContent = who.name;
  VIEWS.forEach(({ name, words }, index) => {
    const button = make("button", { id: `view-${name}`, type: "button", "aria-keyshortcuts": index + 1 });
    button.append(words, make("kbd", { text: index + 1, "aria-hidden": "true" }));
    button.hidden = !isPossible(VIEWS[index], about.roles);
    byId("views").append(button);
  });
  byId("blink").hidden = byId("aligned").hidden = !about.roles.includes("authentic");
  fillFilters(about);
  restore(remembered());
  fillHelp(byId("help-body"));

  const act = makeActions({ about, page, queue, decisions, pace, open, count, reload, warn,
    agreement: () => showAgreement().catch((error) => warn(error.message)),
    who: () => askName(who.name, rename) });
  listen(act.key, act.released);
  for (const name of [...FIELDS, "descending"]) {
    byId(name).addEventListener("change", () => reload().catch((error) => warn(error.message)));
  }
  page.controls();
  const same = JSON.stringify(first) === JSON.stringify(chosen());
  const answer = same ? await early.catch(() => null) : null;
  await reload({ key: remembered().get("key") || null, answer });
  changes.start(about.decisions ?? 0, about.polls_ms ?? 2000);
  document.body.dataset.ready = "yes";
}

start().catch((error) => warn(error.message));
