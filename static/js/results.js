// Words that light up while their recording plays, and that lead to their place in it.

const near = new WeakMap();

function wordsOf(timed) {
  return [...timed.querySelectorAll("[data-start]")];
}

// The word that is heard at a time: the last one that has begun, unless it ended long ago.
function at(words, seconds) {
  let found = null;
  for (const word of words) {
    if (Number(word.dataset.start) > seconds) break;
    found = word;
  }
  return found && seconds <= Number(found.dataset.end) + 0.6 ? found : null;
}

// Media events do not bubble, but they can be caught on their way down.
document.addEventListener(
  "timeupdate",
  (event) => {
    const timed = event.target.closest("[data-timed]");
    if (!timed) return;
    const word = at(wordsOf(timed), event.target.currentTime);
    if (near.get(timed) === word) return;
    near.get(timed)?.classList.remove("heard");
    near.set(timed, word);
    word?.classList.add("heard");
    if (word && !event.target.paused) word.scrollIntoView({ block: "nearest" });
  },
  true,
);

document.addEventListener("click", (event) => {
  const word = event.target.closest?.("[data-timed] [data-start]");
  const player = word?.closest("[data-timed]").querySelector("audio");
  if (!player) return;
  player.currentTime = Number(word.dataset.start);
  player.play();
});
