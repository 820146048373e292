// What every page shares: theme, times in the reader's own zone, elapsed seconds, copying, one submit per press.

function toggleTheme() {
  const root = document.documentElement;
  root.dataset.bsTheme = root.dataset.bsTheme === "dark" ? "light" : "dark";
  try {
    localStorage.setItem("theme", root.dataset.bsTheme);
  } catch {
    // A browser that forbids storage keeps the choice for this page only.
  }
}

const FORMATS = {
  time: new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" }),
  seconds: new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" }),
  date: new Intl.DateTimeFormat(undefined, { dateStyle: "medium" }),
  short: new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" }),
  datetime: new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }),
};

function localise(root) {
  for (const element of root.querySelectorAll("time[data-time]")) {
    const at = new Date(element.dateTime);
    element.textContent = FORMATS[element.dataset.time].format(at);
    element.title = at.toLocaleString();
  }
}

function tick() {
  for (const element of document.querySelectorAll("[data-since]")) {
    const seconds = Math.max(0, Math.floor((Date.now() - new Date(element.dataset.since)) / 1000));
    const minutes = Math.floor(seconds / 60);
    element.textContent = minutes ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
  }
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  await navigator.clipboard.writeText(source.value ?? source.textContent);
  const label = button.querySelector("[data-copy-label]");
  const before = label.textContent;
  label.textContent = "Copied";
  setTimeout(() => (label.textContent = before), 2000);
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-theme-toggle]")) toggleTheme();
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
  const input = event.target.closest("input[data-select]");
  if (input) input.select();
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-once]")) return;
  // After the event, for a disabled button is not part of what is sent.
  setTimeout(() => {
    for (const button of document.querySelectorAll("button[type=submit]")) {
      if (button.form === form) {
        button.disabled = true;
        button.classList.add("btn-loading");
      }
    }
  });
});

// Going back shows the page as it was left, with its button still off.
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const button of document.querySelectorAll("button.btn-loading")) {
    button.disabled = false;
    button.classList.remove("btn-loading");
  }
});

localise(document);
tick();
setInterval(tick, 1000);
document.addEventListener("htmx:load", (event) => {
  localise(event.target);
  tick();
});
