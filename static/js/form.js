// A model's form: rows that are added and removed, and files that are uploaded as soon as they are chosen, so that
// the price can follow. Without this script the form has spare rows and uploads its files when it is sent.

const form = document.getElementById("input-form");

function changed() {
  form.dispatchEvent(new Event("change", { bubbles: true }));
}

// Rows

function rowsOf(list) {
  return [...list.querySelector(":scope > [data-rows-list]").querySelectorAll(":scope > [data-row]")];
}

function addRow(list) {
  const template = list.querySelector(":scope > [data-row-template]");
  const number = Number(list.dataset.next ?? rowsOf(list).length);
  list.dataset.next = number + 1;
  const name = list.dataset.rows;
  const holder = document.createElement("div");
  holder.innerHTML = template.innerHTML.replaceAll(`${name}[#]`, `${name}[${number}]`);
  const row = holder.firstElementChild;
  list.querySelector(":scope > [data-rows-list]").append(row);
  prepare(row);
  settle(list);
  return row;
}

// Buttons that only work with scripts appear; a full list cannot grow.
function settle(list) {
  const rows = rowsOf(list);
  const most = Number(list.dataset.most || Infinity);
  list.querySelector(":scope > [data-add-row]").hidden = rows.length >= most;
  for (const row of rows) row.querySelector(":scope > [data-remove-row]").hidden = false;
}

function prepare(root) {
  const lists = [...root.querySelectorAll("[data-rows]")];
  for (const list of lists) {
    list.dataset.next = rowsOf(list).length;
    settle(list);
  }
  for (const input of root.querySelectorAll("[data-rows-list] input[type=file]")) input.multiple = true;
  for (const media of root.querySelectorAll("[data-media]")) show(media);
}

// Files

function show(media, name) {
  const input = media.querySelector("input[type=text]");
  const uploaded = input.value.startsWith("upload:");
  if (name) media.querySelector("[data-name]").textContent = name;
  media.querySelector("[data-chosen]").hidden = !uploaded;
  media.querySelector("[data-choose]").hidden = uploaded;
}

function fail(media, message) {
  const error = media.querySelector("[data-upload-error]");
  error.textContent = message;
  error.hidden = !message;
}

function thumbnail(media, file) {
  if (!file.type.startsWith("image/") || file.size > 20e6) return;
  const reader = new FileReader();
  reader.onload = () => {
    const picture = new Image();
    picture.src = reader.result;
    picture.alt = "";
    media.querySelector("[data-thumb]").replaceChildren(picture);
  };
  reader.readAsDataURL(file);
}

async function upload(media, file) {
  const label = media.querySelector("[data-upload-label]");
  const words = label.textContent;
  label.textContent = "Uploading…";
  fail(media, "");
  try {
    const body = new FormData();
    body.append("file", file);
    const headers = { "X-CSRFToken": form.querySelector("[name=csrfmiddlewaretoken]").value };
    const response = await fetch(form.dataset.uploadUrl, { method: "POST", body, headers });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.message);
    media.querySelector("input[type=text]").value = answer.uri;
    thumbnail(media, file);
    show(media, answer.name);
    changed();
  } catch (error) {
    fail(media, error instanceof SyntaxError || error instanceof TypeError ? "The upload failed. Please try again." : error.message);
  } finally {
    label.textContent = words;
  }
}

function choose(input) {
  const files = [...input.files];
  input.value = "";
  const list = input.closest("[data-rows]");
  let media = input.closest("[data-media]");
  for (const file of files) {
    if (!media) {
      if (list.querySelector(":scope > [data-add-row]").hidden) break;
      media = addRow(list).querySelector("[data-media]");
    }
    upload(media, file);
    media = null;
  }
}

form.addEventListener("change", (event) => {
  if (!event.target.matches?.("input[type=file]") || !event.target.files.length) return;
  // The price follows when the upload has ended.
  event.stopPropagation();
  choose(event.target);
});

form.addEventListener("click", (event) => {
  const add = event.target.closest("[data-add-row]");
  if (add) {
    const row = addRow(add.closest("[data-rows]"));
    row.querySelector("input:not([type=hidden]), textarea, select")?.focus();
  }
  const remove = event.target.closest("[data-remove-row]");
  if (remove) {
    const list = remove.closest("[data-rows]");
    remove.closest("[data-row]").remove();
    settle(list);
    list.querySelector(":scope > [data-add-row]").focus();
    changed();
  }
  const clear = event.target.closest("[data-clear]");
  if (clear) {
    const media = clear.closest("[data-media]");
    media.querySelector("input[type=text]").value = "";
    show(media);
    changed();
  }
});

prepare(form);
document.querySelector(".alert[role=alert], .is-invalid")?.scrollIntoView({ block: "center" });
