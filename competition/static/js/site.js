// What every page does where scripts run: local times, countdowns, copying, theme, menus, notices.
// Each page works without it.
(() => {
  "use strict";
  const root = document.documentElement;
  const language = root.lang || "en";
  root.dataset.script = "";

  // Times: the visitor's own zone, the zone's name at hand.
  const withZone = new Intl.DateTimeFormat(language, {
    year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short",
  });
  const dateOnly = new Intl.DateTimeFormat(language, { year: "numeric", month: "short", day: "numeric" });
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });

  function ago(date) {
    const seconds = (date - Date.now()) / 1000;
    for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
      if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
    }
    return relative.format(Math.min(0, Math.trunc(seconds)), "second");
  }

  function unit(count, name) {
    return new Intl.NumberFormat(language, { style: "unit", unit: name, unitDisplay: "long" }).format(count);
  }

  function remaining(date) {
    const seconds = Math.max(0, Math.floor((date - Date.now()) / 1000));
    const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
    const parts = days ? [unit(days, "day"), unit(hours, "hour")]
      : hours ? [unit(hours, "hour"), unit(minutes, "minute")]
      : [unit(minutes, "minute"), unit(seconds % 60, "second")];
    return parts.join(" ");
  }

  function showTimes(scope) {
    for (const time of scope.querySelectorAll("time[data-local]")) {
      const date = new Date(time.dateTime);
      const style = time.dataset.local;
      time.title ||= time.textContent;
      time.textContent = style === "ago" ? ago(date) : style === "date" ? dateOnly.format(date) : withZone.format(date);
    }
    for (const time of scope.querySelectorAll("time[data-countdown]")) {
      time.textContent = remaining(new Date(time.dateTime));
    }
  }

  // Fields that belong to some choices of another field are there for these alone.
  function showFields(chooser) {
    for (const input of chooser.form.querySelectorAll(`[data-shown-by="${chooser.name}"]`)) {
      input.closest(".field").hidden = !input.dataset.shownFor.split(" ").includes(chooser.value);
    }
  }
  for (const name of new Set(Array.from(document.querySelectorAll("[data-shown-by]"), (input) => input.dataset.shownBy))) {
    for (const chooser of document.getElementsByName(name)) {
      showFields(chooser);
      chooser.addEventListener("change", () => showFields(chooser));
    }
  }

  function say(text) {
    const live = document.getElementById("live");
    if (live) live.textContent = text;
  }

  async function copy(button) {
    const live = document.getElementById("live");
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.value ?? source.textContent.trim());
    } catch {
      const range = document.createRange();
      range.selectNodeContents(source);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      if (!document.execCommand("copy")) return say(live.dataset.copyFailed);
    }
    const label = button.querySelector("[data-label]") ?? button;
    const before = label.textContent;
    label.textContent = live.dataset.copied;
    say(live.dataset.copied);
    setTimeout(() => { label.textContent = before; }, 1600);
  }

  function setTheme(theme) {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax`;
    for (const button of document.querySelectorAll("[data-theme-switch] button")) {
      button.setAttribute("aria-pressed", String(button.value === theme));
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.dataset.copy) copy(button);
    if (button?.hasAttribute("data-dismiss")) button.closest(".notice").remove();
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-theme-switch]") || !event.submitter) return;
    event.preventDefault();
    setTheme(event.submitter.value);
  });

  showTimes(document);
  setInterval(() => showTimes(document), 1000);
  document.addEventListener("htmx:afterSettle", () => {
    showTimes(document);
    const live = document.querySelector("[data-announce]");
    if (live) say(live.dataset.announce);
  });
  document.querySelector("[data-focus]")?.focus();
  // The tab of the page one is on is in sight on a phone, too.
  document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
})();
