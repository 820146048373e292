// The chat page: sends without leaving the page and shows the answer as it comes. The server renders all HTML, and what
// it keeps is the truth: whenever the connection is lost, the page asks the server for the message as it is there.

const form = document.getElementById("composer");
const thread = document.getElementById("thread");
const question = document.getElementById("question");
const problem = document.getElementById("chat-problem");
const picker = document.getElementById("picker");
const LOST = "The connection was lost. The answer goes on without it and appears here when it is back.";
const UNSENT = "This could not be sent. Your text is still here: please check the connection and send it again.";

// Showing

function element(html) {
  const holder = document.createElement("div");
  holder.innerHTML = html;
  return holder.firstElementChild;
}

// Has htmx watch what asks for it, and times shown in the reader's zone.
function adopt(node) {
  htmx.process(node);
  node.dispatchEvent(new CustomEvent("htmx:load", { bubbles: true }));
  return node;
}

function atBottom() {
  return window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 160;
}

function toBottom() {
  window.scrollTo({ top: document.documentElement.scrollHeight });
}

// A reader who has scrolled up is left where they are.
function growing(change) {
  const follow = atBottom();
  change();
  if (follow) toBottom();
}

function complain(html) {
  problem.innerHTML = html;
}

function complainPlainly(words) {
  const alert = element('<div class="alert alert-danger mb-0" role="alert"></div>');
  alert.textContent = words;
  problem.replaceChildren(alert);
}

function setBusy(busy) {
  form.toggleAttribute("data-busy", busy);
}

function fit() {
  growing(() => {
    question.style.height = "auto";
    question.style.height = `${question.scrollHeight}px`;
  });
}

function announce(article) {
  const said = article.querySelector("[data-text]").innerText.trim();
  const words = said || article.querySelector(".said-problem, .said-note").innerText;
  document.getElementById("chat-status").textContent = `${article.getAttribute("aria-label")}: ${words}`;
}

// One answer while it comes

class Answer {
  constructor(article) {
    this.article = article;
    this.text = article.querySelector("[data-text]");
    this.tail = article.querySelector("[data-tail]");
    this.thought = article.querySelector("[data-thought]");
    this.thoughtText = article.querySelector("[data-thought-text]");
  }

  started() {
    this.thoughtText.classList.add("prose-tail");
  }

  think({ text }) {
    this.thought.hidden = false;
    this.thoughtText.append(text);
  }

  say({ text }) {
    this.thought.querySelector("summary").textContent = "Reasoning";
    this.tail.append(text);
  }

  // Paragraphs that are complete take the place of their plain text.
  block({ html, rest }) {
    this.text.insertAdjacentHTML("beforeend", html);
    this.tail.textContent = rest;
  }

  end({ html }) {
    if (!html) return this.article.remove();
    const open = this.thought.open;
    const finished = element(html);
    this.article.replaceWith(finished);
    const thought = finished.querySelector("[data-thought]");
    if (thought) thought.open = open;
    announce(adopt(finished));
  }

  // The server goes on writing; htmx asks it for the message until it is finished.
  lose() {
    this.article.setAttribute("hx-get", this.article.dataset.watch);
    this.article.setAttribute("hx-trigger", "load, every 2s");
    this.article.setAttribute("hx-swap", "outerHTML");
    complainPlainly(LOST);
    htmx.process(this.article);
  }
}

// Sending

async function* eventsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const found = /^event: (\w+)\ndata: (.*)$/s.exec(part);
      if (found) yield [found[1], JSON.parse(found[2])];
    }
  }
}

function begin(data) {
  const known = new Set(data.visible.map(String));
  for (const article of thread.querySelectorAll("article")) {
    if (!known.has(article.dataset.number)) article.remove();
  }
  document.getElementById("chat-welcome")?.remove();
  if (data.question && !document.getElementById(element(data.question).id)) thread.append(adopt(element(data.question)));
  const article = adopt(element(data.answer));
  thread.append(article);
  settle(data);
  toBottom();
  const answer = new Answer(article);
  answer.started();
  return answer;
}

// The page becomes that of the conversation, which may just have begun.
function settle(data) {
  form.elements.request_id.value = data.request_id;
  document.querySelector("#retry-form [name=request_id]").value = `again-${data.request_id}`;
  for (const field of document.querySelectorAll("[name=conversation]")) field.value = data.conversation;
  document.getElementById("stop-form").action = data.stop;
  document.querySelector(".composer-edit")?.remove();
  document.getElementById("chat-head").innerHTML = data.head;
  const list = document.getElementById("chat-list");
  list.querySelector(`[data-conversation="${data.conversation}"]`)?.remove();
  list.querySelector(".chat-none")?.remove();
  list.prepend(adopt(element(data.item)));
  document.title = `${data.title} · kieplatform`;
  if (location.pathname !== data.url || location.search) history.replaceState(null, "", data.url);
}

function count({ balance, total_html }) {
  document.getElementById("balance-amount").textContent = balance;
  document.getElementById("chat-total").outerHTML = total_html;
}

async function refusal(response) {
  if (response.redirected) return location.reload();
  const json = response.headers.get("Content-Type")?.startsWith("application/json");
  const body = json ? await response.json() : null;
  if (body?.url) location.assign(body.url);
  else if (body?.html) complain(body.html);
  else complainPlainly(response.status === 403 ? "This page is too old. Please reload it." : UNSENT);
}

async function send(data, accepted) {
  let answer;
  setBusy(true);
  complain("");
  try {
    const response = await fetch(form.action, { method: "POST", body: data, headers: { Accept: "text/event-stream" } });
    if (!response.ok || response.redirected || !response.headers.get("Content-Type").startsWith("text/event-stream")) {
      await refusal(response);
      return;
    }
    for await (const [name, news] of eventsOf(response.body)) {
      if (name === "started") {
        answer = begin(news);
        accepted();
      } else if (name === "ended") {
        growing(() => answer.end(news));
        count(news);
        answer = null;
      } else growing(() => answer[{ text: "say", thought: "think", block: "block" }[name]](news));
    }
    answer?.lose();
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof DOMException)) throw error;
    if (answer) answer.lose();
    else complainPlainly(UNSENT);
  } finally {
    setBusy(Boolean(thread.querySelector("[data-writing]")));
    document.body.dispatchEvent(new Event("asked"));
  }
}

function ask() {
  if (form.hasAttribute("data-busy") || document.querySelector("[data-uploading]")) return;
  if (!question.value.trim() && !pictures().length) return question.focus();
  const sent = question.value;
  send(new FormData(form), () => {
    if (question.value === sent) question.value = "";
    document.getElementById("composer-pictures").replaceChildren();
    fit();
  });
}

function again(button) {
  if (form.hasAttribute("data-busy")) return;
  const data = new FormData(form);
  for (const name of ["text", "attachment", "replaces"]) data.delete(name);
  data.set("request_id", document.querySelector("#retry-form [name=request_id]").value);
  data.set("retry", button.value);
  send(data, () => question.focus());
}

async function stop(stopForm) {
  const writing = thread.querySelector("[data-writing] .said-writing");
  if (writing) writing.lastChild.textContent = " Stopping…";
  await fetch(stopForm.action, { method: "POST", body: new FormData(stopForm), redirect: "manual" }).catch(() => complainPlainly(UNSENT));
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});

document.getElementById("retry-form").addEventListener("submit", (event) => {
  event.preventDefault();
  again(event.submitter);
});

document.getElementById("stop-form").addEventListener("submit", (event) => {
  event.preventDefault();
  stop(event.target);
});

question.addEventListener("keydown", (event) => {
  // While words are being composed, Enter chooses among the suggestions of the keyboard.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  ask();
});

question.addEventListener("input", fit);

// An answer that another tab is having written has ended, or goes on.
document.addEventListener("htmx:load", (event) => {
  if (!event.target.matches?.(".said-answer[hx-get], .said-answer")) return;
  if (event.target.hasAttribute("data-writing")) return;
  setBusy(Boolean(thread.querySelector("[data-writing]")));
  if (problem.textContent.trim() === LOST) complain("");
});

// Copying

function textToCopy(button) {
  if (button.matches("[data-copy-code]")) return button.closest(".code-block").querySelector("code").textContent;
  return document.getElementById(button.dataset.copySaid).textContent;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy-code], [data-copy-said]");
  if (!button) return;
  await navigator.clipboard.writeText(textToCopy(button));
  const label = button.querySelector("[data-copy-label]");
  if (!label) return;
  label.textContent = "Copied";
  setTimeout(() => (label.textContent = "Copy"), 2000);
});

// Pictures

function pictures() {
  return [...document.querySelectorAll("#composer-pictures [data-picture]")];
}

function chip(file) {
  const added = document.getElementById("picture-template").content.firstElementChild.cloneNode(true);
  const image = added.querySelector("img");
  added.querySelector("[data-remove-picture]").setAttribute("aria-label", `Remove ${file.name}`);
  image.alt = file.name;
  added.toggleAttribute("data-uploading", true);
  const reader = new FileReader();
  reader.onload = () => (image.src = reader.result);
  reader.readAsDataURL(file);
  growing(() => document.getElementById("composer-pictures").append(added));
  return added;
}

async function attach(file) {
  if (pictures().length >= Number(form.dataset.most)) {
    complainPlainly(`A message has at most ${form.dataset.most} pictures.`);
    return;
  }
  const added = chip(file);
  const body = new FormData();
  body.append("file", file);
  try {
    const headers = { "X-CSRFToken": form.elements.csrfmiddlewaretoken.value };
    const response = await fetch(form.dataset.uploadUrl, { method: "POST", body, headers });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.message);
    added.querySelector("[name=attachment]").value = answer.uri;
    added.removeAttribute("data-uploading");
    form.dispatchEvent(new Event("change", { bubbles: true }));
  } catch (error) {
    added.remove();
    complainPlainly(error instanceof SyntaxError || error instanceof TypeError ? "The upload failed. Please try again." : error.message);
  }
}

function attachAll(files) {
  for (const file of files) if (file.type.startsWith("image/")) attach(file);
}

const attachment = document.querySelector("#attach input");
document.getElementById("attach").hidden = false;
attachment.addEventListener("change", (event) => {
  event.stopPropagation();
  attachAll([...attachment.files]);
  attachment.value = "";
});

question.addEventListener("paste", (event) => {
  if (!event.clipboardData.files.length) return;
  event.preventDefault();
  attachAll([...event.clipboardData.files]);
});

form.addEventListener("dragover", (event) => event.preventDefault());
form.addEventListener("drop", (event) => {
  event.preventDefault();
  attachAll([...event.dataTransfer.files]);
});

form.addEventListener("click", (event) => {
  const button = event.target.closest("[data-remove-picture]");
  if (!button) return;
  button.closest("[data-picture]").remove();
  form.dispatchEvent(new Event("change", { bubbles: true }));
  question.focus();
});

// The picker of models

const filter = document.getElementById("picker-filter");
filter.parentElement.hidden = false;

function closePicker() {
  picker.open = false;
  picker.querySelector("summary").focus();
}

picker.addEventListener("toggle", () => {
  if (!picker.open) return;
  filter.value = "";
  filter.dispatchEvent(new Event("input"));
  picker.querySelector("input:checked")?.scrollIntoView({ block: "nearest" });
  filter.focus();
});

filter.addEventListener("input", () => {
  const words = filter.value.toLowerCase().split(/\s+/);
  for (const vendor of picker.querySelectorAll("[data-vendor]")) {
    const labels = [...vendor.querySelectorAll("[data-words]")];
    for (const label of labels) label.hidden = !words.every((word) => label.dataset.words.includes(word));
    vendor.hidden = labels.every((label) => label.hidden);
  }
});

picker.addEventListener("change", (event) => {
  if (event.target.name !== "model") return;
  picker.querySelector("[data-chosen-title]").textContent = event.target.dataset.title;
});

// A press of an arrow key moves on to the next model and leaves the list open; a click chooses.
picker.addEventListener("click", (event) => {
  if (event.detail > 0 && event.target.closest(".picker-model input, .picker-model span")) setTimeout(closePicker);
});

picker.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closePicker();
  if (event.key !== "Enter") return;
  event.preventDefault();
  if (event.target === filter) picker.querySelector(".picker-model:not([hidden]) input")?.click();
  closePicker();
});

document.addEventListener("click", (event) => {
  if (!event.target.closest("#picker")) picker.open = false;
  if (!event.target.closest(".chat-menu")) document.querySelector(".chat-menu")?.removeAttribute("open");
});

fit();
toBottom();
