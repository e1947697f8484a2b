// The large view of one image of the gallery; arrow keys go through what the filters found.

const viewer = byId("viewer");
let place = 0; // in `cards`

function factsOf(i) {
  const facts = [
    ["Rank", numbers.format(data.rank[i])],
    ["Score", `${formatScore(data.score[i])} (threshold ${formatScore(data.threshold)})`],
    ["p-value", `${formatP(data.p_value[i])}: the share of normal images with a score this high`],
  ];
  if (data.folders[data.folder[i]]) facts.push(["Folder", data.folders[data.folder[i]]]);
  if (data.baseline[i] !== null) {
    const verdict = data.baseline[i] ? "anomalous" : "normal";
    const score = data.baseline_score[i];
    facts.push(["HOG baseline", score === null ? verdict : `${verdict}, score ${formatScore(score)}`]);
  }
  return facts.map(([name, value]) => {
    const row = make("div");
    row.append(make("dt", "", name), make("dd", "", value));
    return row;
  });
}

function blend() {
  byId("viewer-overlay").style.opacity = byId("viewer-blend").value / 100;
}

function showImage() {
  const i = cards[place];
  const [picture, map, overlay] = data.pictures[i];
  const name = data.name[i];
  byId("viewer-name").firstElementChild.textContent = name;
  byId("viewer-place").textContent = `${numbers.format(place + 1)} of ${numbers.format(cards.length)}`;
  byId("viewer-tags").replaceChildren(...tagsOf(i));
  byId("viewer-facts").replaceChildren(...factsOf(i));
  showPicture(byId("viewer-picture"), picture);
  byId("viewer-picture").alt = name;
  for (const [id, address] of [["viewer-overlay", overlay], ["viewer-map", map]]) {
    byId(id).hidden = !address;
    if (address) showPicture(byId(id), address);
  }
  byId("viewer-blend-row").hidden = !overlay;
  byId("viewer-before").disabled = place === 0;
  byId("viewer-after").disabled = place === cards.length - 1;
  blend();
}

function openViewer(at) {
  place = at;
  showImage();
  viewer.showModal();
}

function step(by) {
  const next = Math.min(Math.max(place + by, 0), cards.length - 1);
  if (next === place) return;
  place = next;
  showImage();
}

byId("viewer-before").addEventListener("click", () => step(-1));
byId("viewer-after").addEventListener("click", () => step(1));
byId("viewer-close").addEventListener("click", () => viewer.close());
byId("viewer-blend").addEventListener("input", blend);
viewer.addEventListener("click", (event) => {
  if (event.target === viewer) viewer.close(); // beside the content
});
// On the document, because a button that was just disabled has lost the focus to nowhere.
document.addEventListener("keydown", (event) => {
  // On the slider the arrows move the slider.
  if (!viewer.open || event.target === byId("viewer-blend")) return;
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
});
viewer.addEventListener("close", () => {
  // Back to the card last seen, which may not have been shown yet.
  while (byId("cards").children.length <= place) {
    state.shown += CARDS_A_TIME;
    addCards();
  }
  byId("cards").children[place].querySelector(".open").focus();
});
