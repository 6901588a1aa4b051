// The upload form: a drop zone, and a progress bar that shows bytes really sent.
// Without this script the form is a plain one that the browser sends itself.
(() => {
  "use strict";
  const form = document.querySelector("form[data-upload]");
  if (!form) return;
  const language = document.documentElement.lang;
  const input = form.querySelector("input[type=file]");
  const zone = form.querySelector("[data-dropzone]");
  const chosen = form.querySelector("[data-chosen]");
  const problem = form.querySelector("[data-upload-error]");
  const progress = form.querySelector("[data-progress]");
  const bar = progress.querySelector("progress");
  const words = form.dataset;
  const send = form.querySelector("button[type=submit]");
  const abort = form.querySelector("[data-abort]");
  let request = null;

  function size(bytes) { // as the pages count: a KB has 1,024 bytes
    const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
    const step = Math.min(units.length - 1, bytes ? Math.floor(Math.log(bytes) / Math.log(1024)) : 0);
    return new Intl.NumberFormat(language, {
      style: "unit", unit: units[step], unitDisplay: "short", maximumFractionDigits: step > 1 ? 1 : 0,
    }).format(bytes / 1024 ** step);
  }

  function refuse(text) {
    problem.querySelector("div").textContent = text;
    problem.hidden = false;
    problem.tabIndex = -1;
    problem.focus();
  }

  function idle() {
    request = null;
    progress.hidden = abort.hidden = true;
    send.disabled = input.disabled = false;
  }

  function showChosen() {
    const file = input.files[0];
    chosen.textContent = file ? `${file.name} · ${size(file.size)}` : "";
    problem.hidden = true;
    if (file && file.size > Number(words.maxBytes)) refuse(words.tooLarge);
  }

  input.addEventListener("change", showChosen);
  for (const kind of ["dragenter", "dragover"]) {
    zone.addEventListener(kind, (event) => { event.preventDefault(); zone.classList.add("over"); });
  }
  for (const kind of ["dragleave", "drop"]) {
    zone.addEventListener(kind, (event) => { event.preventDefault(); zone.classList.remove("over"); });
  }
  zone.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    const one = new DataTransfer();
    one.items.add(event.dataTransfer.files[0]);
    input.files = one.files;
    showChosen();
  });

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (request) return;
    if (!input.files.length) return refuse(words.choose);
    if (input.files[0].size > Number(words.maxBytes)) return refuse(words.tooLarge);
    const data = new FormData(form);
    problem.hidden = true;
    progress.hidden = abort.hidden = false;
    send.disabled = input.disabled = true;
    bar.value = 0;
    progress.querySelector("[data-progress-text]").textContent = words.sending;

    request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      bar.value = (100 * loaded) / total;
      progress.querySelector("[data-progress-number]").textContent = `${size(loaded)} / ${size(total)}`;
    });
    request.upload.addEventListener("load", () => {
      bar.removeAttribute("value"); // it goes on, and nobody knows for how long
      progress.querySelector("[data-progress-text]").textContent = words.checking;
      abort.hidden = true;
    });
    request.addEventListener("load", () => {
      const { status } = request;
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { /* a page of a proxy, say */ }
      if (status === 201 && answer.location) return location.assign(answer.location);
      // Sent elsewhere, to sign in again, say.
      if (new URL(request.responseURL).pathname !== location.pathname) return location.assign(request.responseURL);
      idle();
      refuse(answer.detail || (status === 413 ? words.tooLarge : words.lost));
    });
    request.addEventListener("error", () => { idle(); refuse(words.lost); });
    request.addEventListener("abort", idle);
    request.send(data);
  });
  abort.addEventListener("click", () => request?.abort());
  // Back from the result's page: the form is as new.
  addEventListener("pageshow", (event) => { if (event.persisted) idle(); });
})();
