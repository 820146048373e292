// The fields of a form that take files: chosen, dropped or picked again, and uploaded at once, so that the price can
// follow. Without this script files are uploaded when the form is sent.

const form = document.getElementById("input-form");
const AT_ONCE = 2;
const THUMBNAIL_BYTES = 20e6;
const NOUNS = { image: "a picture", video: "a video", audio: "a sound" };
const waiting = [];
const running = new Map();

const find = (media, name) => media.querySelector(`[data-${name}]`);
const address = (media) => media.querySelector("input[type=text]");

function say(words) {
  document.getElementById("form-status").textContent = words;
}

function changed() {
  form.dispatchEvent(new Event("change", { bubbles: true }));
}

// What a field shows

function show(media) {
  const taken = address(media).value.startsWith("upload:") || running.has(media);
  find(media, "chosen").hidden = !taken;
  find(media, "choose").hidden = taken;
  delete find(media, "choose").dataset.taken;
  find(media, "progress").hidden = !running.has(media);
}

function fail(element, message) {
  element.textContent = message;
  element.hidden = !message;
}

function picture(media, source) {
  const thumb = find(media, "thumb");
  if (!source) {
    thumb.replaceChildren(document.getElementById("file-icon").content.cloneNode(true));
    return;
  }
  const image = new Image();
  image.alt = "";
  image.onerror = () => picture(media, "");
  image.src = source;
  thumb.replaceChildren(image);
}

function thumbnail(media, file) {
  picture(media, "");
  if (!file.type.startsWith("image/") || file.size > THUMBNAIL_BYTES) return;
  const reader = new FileReader();
  reader.onload = () => picture(media, reader.result);
  reader.readAsDataURL(file);
}

// Uploading

function take(media, file) {
  fail(find(media, "upload-error"), "");
  find(media, "name").textContent = file.name;
  const progress = find(media, "progress");
  progress.value = 0;
  progress.setAttribute("aria-label", `Uploading ${file.name}`);
  address(media).value = "";
  thumbnail(media, file);
  running.set(media, null);
  show(media);
  waiting.push({ media, file });
  next();
}

function next() {
  const busy = [...running.values()].filter(Boolean).length;
  for (const job of waiting.splice(0, Math.max(0, AT_ONCE - busy))) upload(job);
}

function upload({ media, file }) {
  const request = new XMLHttpRequest();
  running.set(media, request);
  request.open("POST", form.dataset.uploadUrl);
  request.setRequestHeader("X-CSRFToken", form.querySelector("[name=csrfmiddlewaretoken]").value);
  request.upload.onprogress = (event) => {
    if (event.lengthComputable) find(media, "progress").value = (100 * event.loaded) / event.total;
  };
  request.onloadend = () => ended(media, file, request);
  const body = new FormData();
  body.append("file", file);
  request.send(body);
}

function ended(media, file, request) {
  running.delete(media);
  next();
  if (!media.isConnected) return;
  const answer = read(request);
  if (request.status === 201 && answer) {
    fill(media, answer.uri, answer.name, file.type.startsWith("image/") ? "" : answer.preview);
    say(`${answer.name} is uploaded.`);
  } else {
    show(media);
    fail(find(media, "upload-error"), `${file.name}: ${answer?.message ?? "The upload failed. Please try again."}`);
  }
}

function read(request) {
  try {
    return JSON.parse(request.responseText);
  } catch {
    return null;
  }
}

function fill(media, uri, name, preview) {
  address(media).value = uri;
  find(media, "name").textContent = name;
  if (preview) picture(media, preview);
  fail(find(media, "upload-error"), "");
  show(media);
  changed();
}

function clear(media) {
  const request = running.get(media);
  const place = waiting.findIndex((job) => job.media === media);
  if (place >= 0) waiting.splice(place, 1);
  running.delete(media);
  if (request) {
    request.onloadend = null;
    request.abort();
  }
  next();
  address(media).value = "";
  fail(find(media, "upload-error"), "");
  show(media);
  changed();
}

// Where files go

function mediaOf(zone) {
  return zone.matches("[data-rows]")
    ? [...zone.querySelectorAll(":scope > [data-rows-list] > [data-row] > .row-control > [data-media]")]
    : [zone.querySelector("[data-media]")];
}

function free(zone) {
  const found = mediaOf(zone).find((media) => !address(media).value && !running.has(media));
  if (found || !zone.matches("[data-rows]")) return found;
  const add = zone.querySelector(":scope > [data-add-row]");
  if (add.hidden) return null;
  add.click();
  return mediaOf(zone).at(-1);
}

function problem(file, kind) {
  const most = Number(form.dataset.maxBytes);
  if (file.size > most) return `${file.name} is larger than ${Math.floor(most / 1024 ** 2)} MB.`;
  const fits = kind === "any" ? Object.keys(NOUNS) : [kind];
  if (file.type && !fits.some((one) => file.type.startsWith(`${one}/`))) return `${file.name} is not ${NOUNS[kind] ?? "a picture, video or sound"}.`;
  return "";
}

function receive(zone, files, first) {
  const kind = mediaOf(zone)[0]?.dataset.kind ?? zone.dataset.kind;
  const problems = [];
  let left = 0;
  for (const file of files) {
    const message = problem(file, kind);
    const media = message ? null : first ?? free(zone);
    first = null;
    if (message) problems.push(message);
    else if (media) take(media, file);
    else left += 1;
  }
  if (left) problems.push(`${left} more did not fit here.`);
  fail(zone.querySelector(":scope > [data-drop-error]"), problems.join(" "));
}

form.addEventListener(
  "change",
  (event) => {
    const input = event.target;
    if (!input.matches?.("input[type=file]") || !input.files.length) return;
    // The price follows when the upload has ended.
    event.stopPropagation();
    const files = [...input.files];
    input.value = "";
    receive(input.closest("[data-drop]"), files, input.closest("[data-media]"));
  },
  true,
);

// Dropping

const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
const zoneAt = (event) => (form.dataset.uploadUrl ? event.target.closest?.("[data-drop]") : null);

document.addEventListener("dragover", (event) => {
  if (!carriesFiles(event)) return;
  // A file that is dropped beside a field must not replace the page.
  event.preventDefault();
  const zone = zoneAt(event);
  event.dataTransfer.dropEffect = zone ? "copy" : "none";
  for (const other of form.querySelectorAll(".drop-over")) if (other !== zone) other.classList.remove("drop-over");
  zone?.classList.add("drop-over");
  form.classList.add("drop-possible");
});

function rest() {
  form.classList.remove("drop-possible");
  for (const zone of form.querySelectorAll(".drop-over")) zone.classList.remove("drop-over");
}

document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) rest();
});

document.addEventListener("drop", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  rest();
  const zone = zoneAt(event);
  if (zone) receive(zone, [...event.dataTransfer.files]);
});

// Picking again

const dialog = document.getElementById("recent-files");
let picking = null;

async function offer(media) {
  picking = media;
  const list = dialog.querySelector("[data-recent-list]");
  list.textContent = "Loading…";
  dialog.showModal();
  try {
    const response = await fetch(`${form.dataset.recentUrl}?kind=${media.dataset.kind}`);
    if (!response.ok || response.redirected) throw new Error(response.statusText);
    list.innerHTML = await response.text();
  } catch {
    list.textContent = "Your files could not be loaded. Please try again.";
  }
}

dialog?.addEventListener("click", (event) => {
  const pick = event.target.closest("[data-pick]");
  if (pick) {
    picture(picking, pick.dataset.preview);
    fill(picking, pick.dataset.pick, pick.dataset.name, "");
  }
  if (pick || event.target === dialog || event.target.closest("[data-close]")) dialog.close();
});

form.addEventListener("click", (event) => {
  const media = event.target.closest("[data-media]");
  if (event.target.closest("[data-clear]")) {
    clear(media);
    media.querySelector("input[type=file]")?.focus();
  }
  if (event.target.closest("[data-recent]")) offer(media);
});

// A row that is removed takes its upload with it.
form.addEventListener(
  "click",
  (event) => {
    if (!event.target.closest("[data-remove-row]")) return;
    for (const media of event.target.closest("[data-row]").querySelectorAll("[data-media]")) clear(media);
  },
  true,
);

form.addEventListener("submit", (event) => {
  if (!running.size) return;
  event.preventDefault();
  event.stopPropagation();
  say("Please wait until the files are uploaded.");
  const media = [...running.keys()][0];
  fail(find(media, "upload-error"), "Please wait until the files are uploaded.");
});

for (const input of form.querySelectorAll("[data-rows] input[type=file]")) input.multiple = true;
for (const template of form.querySelectorAll("template")) {
  for (const input of template.content.querySelectorAll("input[type=file]")) input.multiple = true;
}
form.classList.add("has-scripts");
